"""The catalog: tables and views by group, and the meaning of their columns.

Law kept here: all descriptions come from the database: comments of tables and columns, head comments of views.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from tape.store.schema import EVENT_TABLES, METADATA
from tape.store.views.column_comments import COLUMNS_SQL
from tape.store.views.sql_files import SqlObject, first_sentence, sql_objects

GROUPS = ("events", "kept by the store", "views", "documents: one row, the keys of a published file", "views beneath")
_GROUP_OF_LAYER = {"intel": GROUPS[2], "documents": GROUPS[3], "base": GROUPS[4]}
_UNIT = re.compile(r" \[([^\]]+)\]\Z")

CATALOG_SQL = f"""
    select list(
        {{'relation': relation, 'name': name, 'type': type, 'comment': comment}} order by relation, column_index
    )
    from ({COLUMNS_SQL})
"""
"""One row, so that no limit of rows cuts it."""


@dataclass(frozen=True)
class Column:
    """One column, and its meaning, with its unit in brackets."""

    name: str
    type: str
    comment: str


@dataclass(frozen=True)
class Relation:
    """A table or a view."""

    name: str
    group: str
    purpose: str
    """One sentence."""
    description: str
    """All that is said of it."""
    columns: tuple[Column, ...]

    @property
    def comments(self) -> dict[str, str]:
        """Return the meaning of each column."""
        return {column.name: column.comment for column in self.columns}


def relations_of(listed: list[Mapping[str, str]]) -> dict[str, Relation]:
    """Return the tables and views of a database, from the row of ``CATALOG_SQL``."""
    columns: dict[str, list[Column]] = {}
    for each in listed:
        name = each["relation"]
        columns.setdefault(name, []).append(Column(each["name"], each["type"], each["comment"]))
    return {name: _relation(name, tuple(found)) for name, found in columns.items()}


def group_of(name: str) -> str:
    """Return the group that a relation is listed in."""
    view = _views().get(name)
    if view is not None:
        return _GROUP_OF_LAYER[view.layer]
    return GROUPS[0] if name in EVENT_TABLES else GROUPS[1]


def purpose_of(name: str) -> str:
    """Return the purpose of a table or view in one sentence; empty if it has no comment."""
    view = _views().get(name)
    if view is not None:
        return view.purpose
    table = METADATA.tables.get(name)
    return "" if table is None else first_sentence(table.comment or "")


def unit_in(comment: str) -> str | None:
    """Return the unit that a column's comment ends with."""
    found = _UNIT.search(comment)
    return None if found is None else found[1]


def _relation(name: str, columns: tuple[Column, ...]) -> Relation:
    view = _views().get(name)
    table = METADATA.tables.get(name)
    said = view.head if view is not None else "" if table is None else table.comment or ""
    return Relation(name, group_of(name), purpose_of(name), said, columns)


@cache
def _views() -> dict[str, SqlObject]:
    return {item.name: item for item in sql_objects() if not item.is_macro}
