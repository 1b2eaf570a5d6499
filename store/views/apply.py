"""Loads ``sql/`` into a database, in dependency order, only changed objects.

``applied_sql`` holds the digests of the objects that the database has, so a changed head is applied too, as a comment.
"""

from __future__ import annotations

from collections.abc import Iterable

import duckdb

from tape.store.views.column_comments import comment_columns, quoted
from tape.store.views.sql_files import SqlObject, sql_objects


def pending_views(connection: duckdb.DuckDBPyConnection) -> list[SqlObject]:
    """Return the objects whose digest differs from the one in the database."""
    held = dict(connection.execute("select name, digest from applied_sql").fetchall())
    return [item for item in sql_objects() if held.get(item.name) != item.digest]


def apply_views(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Create new and changed objects and drop removed ones, in one transaction; return the names touched."""
    pending = pending_views(connection)
    known = {item.name for item in sql_objects()}
    held = connection.execute("select name from applied_sql").fetchall()
    gone = [name for (name,) in held if name not in known]
    if not pending and not gone:
        return []
    connection.execute("begin transaction")
    try:
        for name in gone:
            _drop_any(connection, name)
        # Those above first, so that at no time something stands on an object that is gone.
        for item in reversed(pending):
            connection.execute(item.drop_statement)
        for item in pending:
            connection.execute(item.statement)
            kind = "view" if not item.is_macro else ("macro table" if item.is_table_macro else "macro")
            connection.execute(f"comment on {kind} {item.name} is {quoted(item.head)}")
            if not item.is_macro:
                # an empty stand-in, so that views above are bound without unfolding all that lies beneath
                connection.execute(f"create temp table {item.name} as from main.{item.name} limit 0")
        for item in pending:
            if not item.is_macro:
                connection.execute(f"drop table temp.{item.name}")
        comment_columns(connection, sql_objects())
        _record(connection, [*gone, *(item.name for item in pending)], pending)
    except BaseException:
        connection.execute("rollback")
        raise
    connection.execute("commit")
    return [*gone, *(item.name for item in pending)]


def drop_views(connection: duckdb.DuckDBPyConnection) -> None:
    """Drop every macro and view in one transaction, before a migration changes the tables below them.

    After a kill in the middle, this program and the older revision's find either all objects, or no objects and no
    digests.
    """
    if not connection.execute("from duckdb_tables() where table_name = 'applied_sql'").fetchall():
        return
    connection.execute("begin transaction")
    try:
        for (name,) in connection.execute("select name from applied_sql").fetchall():
            _drop_any(connection, name)
        connection.execute("delete from applied_sql")
    except BaseException:
        connection.execute("rollback")
        raise
    connection.execute("commit")


def _drop_any(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    for kind in ("view", "macro", "macro table"):
        try:
            connection.execute(f'drop {kind} if exists "{name}"')
        except duckdb.CatalogException:
            continue  # the name belongs to another kind


def _record(connection: duckdb.DuckDBPyConnection, touched: Iterable[str], applied: Iterable[SqlObject]) -> None:
    for name in touched:
        connection.execute("delete from applied_sql where name = ?", [name])
    for item in applied:
        connection.execute("insert into applied_sql values (?, ?)", [item.name, item.digest])
