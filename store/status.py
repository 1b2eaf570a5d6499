"""What the store holds: rows, first and last event per table."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import duckdb

from tape.store.schema import EVENT_TABLES


@dataclass(frozen=True)
class TableStatus:
    """One table: its rows and the event times it spans, ``None`` when it is empty."""

    name: str
    rows: int
    first: datetime | None
    last: datetime | None


def table_status(connection: duckdb.DuckDBPyConnection) -> list[TableStatus]:
    """Every event table, and what was refused (by the time it was refused)."""
    parts = [f"select '{name}', count(*), min(ts), max(ts) from {name}" for name in EVENT_TABLES]
    parts.append("select 'rejected_events', count(*), min(rejected_ts), max(rejected_ts) from rejected_events")
    return [TableStatus(*row) for row in connection.execute(" union all ".join(parts)).fetchall()]


def newest_event(connection: duckdb.DuckDBPyConnection) -> datetime | None:
    """The event time of the newest event that is no test noise, ``None`` in an empty store."""
    parts = [
        f"select max(ts) as ts from {name} where not is_test" for name in EVENT_TABLES if name != "config_snapshots"
    ]
    row = connection.execute(f"select max(ts) from ({' union all '.join(parts)})").fetchone()
    return None if row is None else row[0]


def relation_names(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """The tables and views of the database, by name."""
    rows = connection.execute(
        "select table_name from information_schema.tables where table_schema = 'main' order by table_name"
    ).fetchall()
    return [name for (name,) in rows]
