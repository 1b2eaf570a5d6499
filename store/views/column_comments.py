"""The meaning of each view's columns, as comments in the catalog.

Laws kept here: a column is explained where it is made, in the ``Columns:`` part of the head of its file, or by the
event that it comes from. Views above keep this meaning for a column of the same name. If several relations below have
the name, the first one mentioned in the text counts. If the text gives no unit, the name does.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterable, Iterator, Mapping

import duckdb

from tape.store.views.sql_files import SqlObject

Comments = Mapping[str, str]
UNITS = {"_usd": "USD", "_bps": "bps", "_pct": "%", "_frac": "0..1", "_ms": "ms", "_s": "s"}
"""The unit of a column by the end of its name."""
COLUMNS_SQL = """
    select
        table_name as relation, column_name as name, data_type as type, is_nullable,
        coalesce(comment, '') as comment, column_index,
    from duckdb_columns()
    where schema_name = 'main' and not internal and database_name not in ('system', 'temp')
"""
"""Every column of the tables and views of a database; comment: empty where it has none."""


def comment_columns(connection: duckdb.DuckDBPyConnection, objects: Iterable[SqlObject]) -> None:
    """Give the columns of all views their comments; only comments that differ are changed."""
    held = catalog_comments(connection)
    for view, comments in view_comments(objects, held).items():
        for column, comment in comments.items():
            if held[view][column] != comment:
                connection.execute(f'comment on column "{view}"."{column}" is {quoted(comment)}')


def catalog_comments(connection: duckdb.DuckDBPyConnection) -> dict[str, dict[str, str | None]]:
    """Return the columns of each table and view, in their order, with the comments in the catalog."""
    rows = connection.execute(f"select relation, name, comment from ({COLUMNS_SQL}) order by relation, column_index")
    found: dict[str, dict[str, str | None]] = {}
    for relation, column, comment in rows.fetchall():
        found.setdefault(relation, {})[column] = comment or None
    return found


def view_comments(
    objects: Iterable[SqlObject], held: Mapping[str, Mapping[str, str | None]]
) -> dict[str, dict[str, str]]:
    """Return the comments of each view's columns. ``held``: comments in the catalog; objects follow those they read."""
    listed = tuple(objects)
    known: dict[str, Comments] = {
        name: {column: text for column, text in columns.items() if text}
        for name, columns in held.items()
        if name not in {item.name for item in listed}
    }
    views: dict[str, dict[str, str]] = {}
    for item in listed:
        meaning = ChainMap(*map(dict, _meanings(item, known)))
        if item.is_table_macro:
            known[item.name] = meaning
        elif not item.is_macro:
            views[item.name] = {column: meaning[column] for column in held[item.name] if column in meaning}
            known[item.name] = views[item.name]
    return views


def _meanings(item: SqlObject, known: Mapping[str, Comments]) -> Iterator[Comments]:
    yield {column: with_unit(column, text) for column, text in item.columns.items()}
    yield from (known[name] for name in item.mentions if name in known)


def with_unit(column: str, text: str) -> str:
    """Return the text with the unit of the column's name, unless the text ends with a unit in brackets."""
    unit = unit_by_name(column)
    return text if unit is None or text.endswith("]") else f"{text} [{unit}]"


def unit_by_name(name: str) -> str | None:
    """Return the unit that a name ends with."""
    return next((unit for suffix, unit in UNITS.items() if name.endswith(suffix)), None)


def quoted(text: str) -> str:
    """Return a text as a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"
