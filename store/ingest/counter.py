"""What every writer of the store shares: the one number line of stored rows, the record of an import, the rejected."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import duckdb

from tape.store.ingest.roll_ups import roll_up


@dataclass
class FileCount:
    """What became of the lines of one file: ``read`` is the sum of the other three."""

    read: int = 0
    stored: int = 0
    known: int = 0
    rejected: int = 0


def sum_of(counts: Iterable[FileCount]) -> FileCount:
    """What became of the lines of all the files."""
    total = FileCount()
    for count in counts:
        total.read += count.read
        total.stored += count.stored
        total.known += count.known
        total.rejected += count.rejected
    return total


def last_ingest_seq(connection: duckdb.DuckDBPyConnection) -> int:
    """The last number given to a stored row; 0 in an empty store. Its one row is made on first use."""
    row = connection.execute("select last_ingest_seq from ingest_counter").fetchone()
    if row is None:
        # In the caller's transaction: two writers cannot both find none, because one at a time holds the write lock.
        connection.execute("insert into ingest_counter values (0)")
        return 0
    return int(row[0])


def end_import(connection: duckdb.DuckDBPyConnection, log: str, base: int, count: int, now: datetime) -> None:
    """Moves the counter over the numbers an import gave out, says that they are imported, and rolls them up."""
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
    """Keeps a refused line whole, with where it stood and why it was refused."""
    connection.execute(
        "insert into rejected_events values (?, ?, ?, ?, ?, ?)", [event_id, now, source, line, reason, raw]
    )
