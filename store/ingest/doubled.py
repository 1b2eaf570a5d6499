"""Finds stored rows that share an identity in the whole history: ids used twice, events stored twice.

Ingest and import look for an id that is used again with another time among the newest million ids only, and a home
filled by an older version may hold more such ids. This search reads every table whole; ``tape doctor --deep`` uses it.

The search for ids skips ids that the journal made: these are unique by construction.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import duckdb

from tape.execution.events import EVENTS, Event
from tape.store.canonical_json import add_functions
from tape.store.ingest.identity import content_id

_IS_OF_JOURNAL = "coalesce(starts_with(event_id, run_id || '-'), false)"
_IS_MADE = f"({_IS_OF_JOURNAL} or regexp_full_match(event_id, '[0-9a-f]{{32}}'))"
"""Ids that nobody gave: of the journal, a hash of the event, or the md5 of a line."""


@dataclass(frozen=True)
class Doubled:
    """Rows of the same tables that share an id, or share their content under generated ids."""

    tables: tuple[str, ...]
    events: int
    """Ids or contents that more than one row has."""
    rows: int
    """The rows that have them."""
    event_id: str
    """The id of the newest of these rows; where contents are shared, of one of its doubles."""
    first: datetime
    last: datetime
    """Event times of the rows that share what this one has."""


def shared_ids(connection: duckdb.DuckDBPyConnection) -> list[Doubled]:
    """Return the ids that several rows have, grouped by the tables that hold these rows."""
    hashes = " union all ".join(
        f"select hash(event_id) from {each.table} where not {_IS_OF_JOURNAL}" for each in EVENTS
    )
    rows = " union all ".join(
        f"select '{each.table}' as event_table, event_id, ts from {each.table}"
        f" where hash(event_id) in (select id_hash from shared) and not {_IS_OF_JOURNAL}"
        for each in EVENTS
    )
    # 64 bits are enough to look for candidates; the ids themselves decide.
    found = connection.execute(
        f"""
        with
        hashes(id_hash) as ({hashes}),
        shared as materialized (select id_hash from hashes group by id_hash having count(*) > 1),
        of_id as (
            select
                event_id,
                list(distinct event_table order by event_table) as tables,
                count(*) as row_count,
                min(ts) as first_ts,
                max(ts) as last_ts,
            from ({rows})
            group by event_id
            having count(*) > 1
        )
        select
            tables,
            count(*),
            sum(row_count)::bigint,
            arg_max(event_id, (last_ts, event_id)),
            arg_max(first_ts, (last_ts, event_id)),
            max(last_ts),
        from of_id
        group by tables
        order by tables
        """
    ).fetchall()
    return [Doubled(tuple(tables), *counts) for tables, *counts in found]


def shared_contents(connection: duckdb.DuckDBPyConnection) -> list[Doubled]:
    """Return the order events that are stored several times under generated ids, by table."""
    add_functions(connection)
    return [found for event in EVENTS if event.by_content and (found := _contents_of(connection, event))]


def _contents_of(connection: duckdb.DuckDBPyConnection, event: type[Event]) -> Doubled | None:
    # Doubles have the same time; the content of a row costs far more than its time does.
    row = connection.execute(
        f"""
        with
        shared as (select ts from {event.table} where {_IS_MADE} group by ts having count(*) > 1),
        contents as (
            select ts, ingest_seq, event_id, {content_id(event)} as content
            from {event.table}
            semi join shared using (ts)
            where {_IS_MADE}
        ),
        doubled as (
            select ts, count(*) as row_count, max(ingest_seq) as seq, arg_max(event_id, ingest_seq) as event_id
            from contents
            group by ts, content
            having count(*) > 1
        )
        select count(*), sum(row_count)::bigint, arg_max(event_id, seq), arg_max(ts, seq) from doubled
        """
    ).fetchall()[0]
    events, rows, event_id, ts = row
    return Doubled((event.table,), events, rows, event_id, ts, ts) if events else None
