"""Roll-ups by minute of ticks and marks, updated in the transaction that stores the rows.

Law kept here: a roll-up is complete up to the end of its last minute. Views therefore read whole minutes from it, and
single rows only for the time after. For a late row, its minute is computed again.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import duckdb

from tape.store.schema import EVENT_TABLES

_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class RollUp:
    """A table of minutes, the table that it summarises, and the SQL that makes a minute of its rows."""

    table: str
    source: str
    rows: str
    minute: str


ROLL_UPS = (
    RollUp(
        table="nav_minutes",
        source="ticks",
        rows="equity_usd > 0 and not is_test",
        minute="""
            select
                date_trunc('minute', ts) as minute,
                max(ts) as ts,
                arg_max(ingest_seq, (ts, ingest_seq)) as ingest_seq,
                arg_max(equity_usd, (ts, ingest_seq)) as equity_usd,
                arg_max(coalesce(nav_usd, equity_usd), (ts, ingest_seq)) as nav_usd,
                arg_max_null(
                    coalesce(unrealized_pnl_usd, case when position_count = 0 then 0 end), (ts, ingest_seq)
                ) as unrealized_pnl_usd,
                arg_max_null(realized_pnl_usd, (ts, ingest_seq)) as realized_pnl_usd,
                max(equity_usd) as peak_equity_usd,
                arg_min(equity_usd, (ts, ingest_seq)) as first_equity_usd,
        """,
    ),
    RollUp(
        table="mark_minutes",
        source="marks",
        rows="not is_test",
        minute="""
            select
                symbol,
                date_trunc('minute', ts) as minute,
                max(ts) as ts,
                arg_max(mark_price, (ts, ingest_seq)) as close_price,
        """,
    ),
)


Span = tuple[datetime, datetime]
"""Event times of the first and the last of some rows."""


def roll_up(
    connection: duckdb.DuckDBPyConnection,
    after_seq: int,
    tables: Container[str] = EVENT_TABLES,
    spans: dict[str, Span] | None = None,
) -> list[str]:
    """Update the roll-ups with the rows stored after ``after_seq``; call it in the transaction that stores them.

    ``tables`` are the tables with such rows. Returns the names of the roll-ups that changed. ``spans`` receives, by
    table, the event times of the first and the last new row.
    """
    spans = {} if spans is None else spans
    return [each.table for each in ROLL_UPS if each.source in tables and _roll_up(connection, each, after_seq, spans)]


def _roll_up(connection: duckdb.DuckDBPyConnection, each: RollUp, after_seq: int, spans: dict[str, Span]) -> bool:
    first, last, rolled_to = _span(connection, each, after_seq)
    if first is None:
        return False
    spans[each.source] = first, last
    # A row before the end of the roll-up belongs to a minute that is there already, or that was passed over as empty.
    is_late = rolled_to is not None and first < rolled_to
    if is_late:
        touched = (
            f"select distinct date_trunc('minute', ts) from {each.source}"
            f" where ingest_seq > {after_seq} and {each.rows} and ts < timestamptz '{rolled_to.isoformat()}'"
        )
        # Made again whole: the late row may be its highest, its first or its last, and only all rows together tell.
        connection.execute(f"delete from {each.table} where minute in ({touched})")
        # the span prunes the history, the minutes choose within it
        _insert(
            connection,
            each,
            f"ts >= date_trunc('minute', timestamptz '{first.isoformat()}')"
            f" and date_trunc('minute', ts) in ({touched})",
        )
    # The minute of the newest row stays open, since more of its rows may come.
    is_ended = rolled_to is None or last >= rolled_to + _MINUTE
    if is_ended:
        since = "true" if rolled_to is None else f"ts >= timestamptz '{rolled_to.isoformat()}'"
        _insert(connection, each, f"{since} and ts < date_trunc('minute', timestamptz '{last.isoformat()}')")
    return is_late or is_ended


def _span(connection: duckdb.DuckDBPyConnection, each: RollUp, after_seq: int) -> tuple[Any, Any, Any]:
    """Return first and last instant of the new rows (null without any), and the end of the roll-up's last minute."""
    row = connection.execute(
        f"""
        select min(ts), max(ts), (select max(minute) + interval 1 minute from {each.table})
        from {each.source}
        where ingest_seq > ? and {each.rows}
        """,
        [after_seq],
    ).fetchone()
    return row or (None, None, None)


def _insert(connection: duckdb.DuckDBPyConnection, each: RollUp, where: str) -> None:
    connection.execute(
        f"insert into {each.table} by name {each.minute} from {each.source}"
        f" where {each.rows} and {where} group by all order by minute"
    )
