"""What a migrated database says of itself: tables, views and macros, with the comments of its catalog."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb
from duckdb.sqltypes import DuckDBPyType

from tape.store.views.column_comments import COLUMNS_SQL


@dataclass(frozen=True)
class Column:
    """A column as the catalog tells it."""

    name: str
    type: str
    is_nullable: bool
    comment: str

    @property
    def unit(self) -> str:
        found = _UNIT.search(self.comment)
        return "" if found is None else found[1]

    @property
    def meaning(self) -> str:
        return _UNIT.sub("", self.comment)


_UNIT = re.compile(r" \[([^\]]+)\]\Z")
Catalog = Mapping[str, Sequence[Column]]
"""The columns of each table and view."""


def read_catalog(connection: duckdb.DuckDBPyConnection) -> dict[str, list[Column]]:
    """The tables and views of a migrated database."""
    rows = connection.execute(
        f"select relation, name, type, is_nullable, comment from ({COLUMNS_SQL})"
        " where relation <> 'alembic_version' order by relation, column_index"
    ).fetchall()
    found: dict[str, list[Column]] = {}
    for relation, name, kind, is_nullable, comment in rows:
        found.setdefault(relation, []).append(Column(name, type_text(DuckDBPyType(kind)), is_nullable, comment))
    return found


def type_text(kind: DuckDBPyType) -> str:
    """A type as it is written, of a structure its keys alone."""
    if kind.id in ("list", "map"):
        inner = [type_text(child) for _, child in kind.children if isinstance(child, DuckDBPyType)]
        return f"{inner[0]}[]" if kind.id == "list" else f"MAP({', '.join(inner)})"
    if kind.id == "struct":
        return f"STRUCT({', '.join(name for name, _ in kind.children)})"
    return "TIMESTAMPTZ" if kind.id == "timestamp with time zone" else str(kind).replace('"', "")


def table_comments(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """The tables of a database and what each holds."""
    rows = connection.execute(
        "select table_name, comment from duckdb_tables() where not internal and table_name <> 'alembic_version'"
        " and database_name = current_database() and not temporary"
    ).fetchall()
    return dict(rows)


def macro_parameters(connection: duckdb.DuckDBPyConnection) -> dict[str, list[str]]:
    """The macros of a database and their parameters."""
    rows = connection.execute(
        "select function_name, parameters from duckdb_functions() where database_name = current_database()"
        " and function_type in ('macro', 'table_macro') and not internal"
    ).fetchall()
    return dict(rows)
