"""Shared by every writer of the store: the counter of stored rows, the record of an import, the rejected events."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import duckdb

from tape.store.ingest.roll_ups import roll_up


@dataclass
class FileCount:
    """How many lines of one file were stored, known and rejected; ``read`` is their sum."""

    read: int = 0
    stored: int = 0
    known: int = 0
    rejected: int = 0


def sum_of(counts: Iterable[FileCount]) -> FileCount:
    """Return the sum of the counts of all files."""
    total = FileCount()
    for count in counts:
        total.read += count.read
        total.stored += count.stored
        total.known += count.known
        total.rejected += count.rejected
    return total


def last_ingest_seq(connection: duckdb.DuckDBPyConnection) -> int:
    """Return the last number given to a stored row; 0 in an empty store. The counter's row is created on first use."""
    row = connection.execute("select last_ingest_seq from ingest_counter").fetchone()
    if row is None:
        # In the caller's transaction: two writers cannot both find none, because one at a time holds the write lock.
        connection.execute("insert into ingest_counter values (0)")
        return 0
    return int(row[0])


def end_import(connection: duckdb.DuckDBPyConnection, log: str, base: int, count: int, now: datetime) -> None:
    """Move the counter past the numbers that an import used, record the import, and update the roll-ups."""
    if count:
        connection.execute("update ingest_counter set last_ingest_seq = ?", [base + count])
        connection.execute("insert into imports values (?, ?, ?, ?)", [now, log, base + 1, base + count])
        roll_up(connection, base)


def reject(
    connection: duckdb.DuckDBPyConnection,
    *,
    event_id: str,
    now: datetime,
    source: str,
    line: int,
    reason: str,
    raw: str,
) -> None:
    """Keep a refused line whole, with its place and the reason."""
    connection.execute(
        "insert into rejected_events values (?, ?, ?, ?, ?, ?)", [event_id, now, source, line, reason, raw]
    )
