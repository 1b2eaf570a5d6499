"""Events with a time in the future: their producer's clock is ahead, or a log holds a wrong instant.

No window holds such an event before its time (``ts <= as_of``). Code that asks for the newest event must skip such
events too, and ``tape doctor`` must report them: a clock that is 5 hours ahead looks like a producer that has stopped.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import duckdb

from tape.store.schema import EVENT_TABLES

TOLERATED = timedelta(seconds=5)
"""By how much the clocks of two machines may differ before that is worth a word."""


@dataclass(frozen=True)
class Ahead:
    """The rows of one table from one source whose time is later than now."""

    table: str
    source: str
    """The producer, or the log the rows were imported from."""
    is_imported: bool
    rows: int
    until: datetime
    """The latest event time among them."""
    lead_s: float | None
    """By how much the event time is ahead of the producer's own time of recording, at the most; ``None``: imported."""
    arrived: datetime
    """When the last of them was recorded, or imported."""
    hostname: str | None


def events_ahead(connection: duckdb.DuckDBPyConnection, now: datetime, tables: Iterable[str] = ()) -> list[Ahead]:
    """Return the rows with a time later than now, of these tables or of all, worst first; test noise is left out.

    Cheap when there are none: row groups whose newest event is in the past are not read.
    """
    parts = [
        f"""
        select
            '{table}' as event_table,
            coalesce(log, producer) as source,
            log is not null as is_imported,
            count(*) as rows_ahead,
            max(ts) as until_ts,
            -- An imported row has no time of recording of its own: the log's would be compared with itself.
            max(epoch(ts - received_ts)) filter (where log is null) as lead_s,
            max(coalesce(imported_ts, received_ts)) as arrived_ts,
            any_value(hostname),
        from {table}
        left join imports on ingest_seq between first_seq and last_seq
        where ts > $limit and not is_test
        group by all
        """
        for table in tables or EVENT_TABLES
    ]
    query = f"from ({' union all '.join(parts)}) order by until_ts desc, event_table, source"
    return [Ahead(*row) for row in connection.execute(query, {"limit": now + TOLERATED}).fetchall()]
