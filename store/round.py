"""A round: one cursor, one transaction, one instant, in which documents are read.

What several documents need is computed once: the shared views become temporary tables on the round's cursor, in
dependency order. A temporary table shadows the view of the same name, also inside the views above it, so no SQL is
written twice. Nothing but temporary tables is written; the round is rolled back at its end.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from typing import Any

import duckdb

from store.database import set_clocks
from store.views import SqlObject, sql_objects

Row = dict[str, Any]


class Round:
    """Reads views as of one instant. Made by ``open_round``."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection, as_of: datetime, known_seq: int | None) -> None:
        self._cursor = cursor
        self._as_of = as_of
        self._known_seq = known_seq
        self._computed: set[str] = set()

    def one(self, view: str) -> Row:
        """The single row of a document view, nested values as lists and dicts."""
        rows = self.rows(view)
        if len(rows) != 1:
            raise ValueError(f"view {view}: expected one row, found {len(rows)}")
        return rows[0]

    def rows(self, view: str) -> list[Row]:
        """All rows of a view, in its own order."""
        for name in shared_beneath(view):
            if name not in self._computed:
                self._cursor.execute(f"create or replace temp table {name} as from main.{name}")
                self._computed.add(name)
        return list(_rows(self._cursor.execute(f"from {view}")))

    def stream(self, query: str) -> Iterator[Row]:
        """The rows of a query, read as they are asked for; several streams may be open at once."""
        cursor = self._cursor.cursor()
        set_clocks(cursor, as_of=self._as_of, known_seq=self._known_seq)
        yield from _rows(cursor.execute(query))
        cursor.close()


def _rows(result: duckdb.DuckDBPyConnection) -> Iterator[Row]:
    names = [column[0] for column in result.description or ()]
    while batch := result.fetchmany(2048):
        for row in batch:
            yield dict(zip(names, row, strict=True))


@contextmanager
def open_round(
    connection: duckdb.DuckDBPyConnection,
    *,
    as_of: datetime,
    known_seq: int | None = None,
    configured: str | None = None,
) -> Iterator[Round]:
    """A round as of an instant. ``configured``: JSON of the values shown where no flag snapshot is recorded."""
    cursor = connection.cursor()
    try:
        set_clocks(cursor, as_of=as_of, known_seq=known_seq)
        if configured is not None:
            cursor.execute("set variable configured = ?", [configured])
        cursor.execute("begin transaction")
        yield Round(cursor, as_of, known_seq)
    finally:
        cursor.execute("rollback")
        cursor.close()


@cache
def shared_beneath(view: str) -> tuple[str, ...]:
    """The views under ``view`` worth computing once, in dependency order: all of intel, and bases of few rows."""
    objects = {item.name: item for item in sql_objects()}
    wanted: set[str] = set()
    todo = [view]
    while todo:
        for name in objects[todo.pop()].reads - wanted:
            wanted.add(name)
            todo.append(name)
    return tuple(item.name for item in sql_objects() if item.name in wanted and _is_shared(item))


def _is_shared(item: SqlObject) -> bool:
    """Not the bases that are windows on big tables: those are better read where they are needed, with the filter."""
    if item.is_macro or item.name.startswith("seen_"):
        return False
    return item.layer != "base" or item.name in _SMALL_BASES


_SMALL_BASES = {"clock", "limits", "flags", "configured_symbols", "trades_7d", "vetoes_24h", "closes_today"}
