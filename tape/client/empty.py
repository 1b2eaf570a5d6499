"""Why a view is empty: the newest rows that it could show, and the instant at which it would show them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, tzinfo

from tape.client.client import Client
from tape.client.instants import shown
from tape.store.query.round import content_tables
from tape.store.query.tree import object_named
from tape.store.schema import EVENT_TABLES

_TABLES = 3
"""That are named."""


def why_empty(
    client: Client, names: Iterable[str], as_of: datetime | None, now: datetime, zone: tzinfo = UTC
) -> str | None:
    """Return an explanation for views that are empty at an instant; ``None`` if none of the names is a view.

    Raises:
        StoreError: the store cannot be read.
    """
    tables = sorted({table for name in names if _is_view(name) for table in content_tables(name)} & _EVENTS)
    if not tables:
        return None
    parts = [
        f"select '{table}', max(ts) from {table} where not is_test and ts <= timestamptz '{now.isoformat()}'"
        for table in tables
    ]
    rows = client.query(" union all ".join(parts)).rows
    newest = sorted(((ts, table) for table, ts in rows if ts is not None), reverse=True)
    if not newest:
        return f"no rows yet in {', '.join(tables)}"
    named = ", ".join(f"{table} {shown(ts, zone)}" for ts, table in newest[:_TABLES])
    more = f" and older ones in {len(newest) - _TABLES} more tables" if len(newest) > _TABLES else ""
    latest = newest[0][0]
    return f"newest rows: {named}{more}" + ("; try --as-of newest" if latest < (as_of or now) else "")


_EVENTS = frozenset(EVENT_TABLES) - {"config_snapshots", "flag_snapshots"}


def _is_view(name: str) -> bool:
    found = object_named(name)
    return found is not None and not found.is_macro
