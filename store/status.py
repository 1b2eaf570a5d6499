"""The content of the store: rows, first and last event per table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import duckdb

from tape.store.errors import StoreError
from tape.store.schema import EVENT_TABLES


@dataclass(frozen=True)
class TableStatus:
    """One table: its rows, and the span of its event times up to now, ``None`` if there are none."""

    name: str
    rows: int
    first: datetime | None
    last: datetime | None
    ahead: int = 0
    """Rows whose time has not come."""
    ahead_until: datetime | None = None
    """The latest time of these."""


class NothingYet(StoreError):
    """All events lie in the future."""


def table_status(connection: duckdb.DuckDBPyConnection, now: datetime) -> list[TableStatus]:
    """Return every event table, and the refused events (by the time of their refusal)."""
    times = {**dict.fromkeys(EVENT_TABLES, "ts"), "rejected_events": "rejected_ts"}
    parts = [f"select '{name}', count(*), min({ts}), max({ts}) from {name}" for name, ts in times.items()]
    found = [TableStatus(*row) for row in connection.execute(" union all ".join(parts)).fetchall()]
    return [_up_to(connection, each, times[each.name], now) for each in found]


def _up_to(connection: duckdb.DuckDBPyConnection, whole: TableStatus, ts: str, now: datetime) -> TableStatus:
    """Return a table's status without rows later than now; only a table that has such rows is read for that."""
    if whole.last is None or whole.last <= now:
        return whole
    first, last, ahead = connection.execute(
        f"select min({ts}) filter ({ts} <= $now), max({ts}) filter ({ts} <= $now), count(*) filter ({ts} > $now)"
        f" from {whole.name}",
        {"now": now},
    ).fetchall()[0]
    return TableStatus(whole.name, whole.rows, first, last, ahead, whole.last)


def newest_event(connection: duckdb.DuckDBPyConnection, now: datetime) -> datetime | None:
    """Return the time of the newest event that is neither in the future nor test noise; ``None`` in an empty store.

    Raises:
        NothingYet: there are events, and all of them are later than now.
    """
    return newest_by(lambda query: connection.execute(query).fetchall()[0][0], now)


def newest_by(ask: Callable[[str], datetime | None], now: datetime) -> datetime | None:
    """Like ``newest_event``, for callers without a connection; ``ask`` runs a select and returns its only value.

    A single line with a wrong year must not mislead a user who asks for the newest state: events later than now are
    ignored.

    Raises:
        NothingYet: there are events, and all of them are later than now.
    """
    names = [name for name in EVENT_TABLES if name != "config_snapshots"]
    over = f"where not is_test and ts <= timestamptz '{now.isoformat()}'"
    newest = ask(
        f"select max(ts) from ({' union all '.join(f'select max(ts) as ts from {name} {over}' for name in names)})"
    )
    if newest is not None:
        return newest
    parts = [f"select min(ts) as ts from {name} where not is_test" for name in names]
    first = ask(f"select min(ts) from ({' union all '.join(parts)})")
    if first is not None:
        raise NothingYet(f"newest: expected an event that is over, found only later ones, the first of {_z(first)}")
    return None


def _z(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def relation_names(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Return the names of the database's tables and views, sorted."""
    rows = connection.execute(
        "select table_name from information_schema.tables where table_schema = 'main' order by table_name"
    ).fetchall()
    return [name for (name,) in rows]
