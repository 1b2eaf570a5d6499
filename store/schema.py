"""The tables, derived from the events: one table per event type, plus the store's own.

Laws kept here: a column's type, unit and comment come from ``tape.execution.events``; no primary keys and no secondary
indexes (they break WAL replay on big tables, natural order is time); columns that the store adds to an event are
declared in ``_store_columns`` only.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from datetime import datetime
from typing import Any, get_args, get_origin

import sqlalchemy as sa
from pydantic import JsonValue
from sqlalchemy.types import TypeEngine

from tape.execution.events import EVENTS, Event, added_in, unit_of

METADATA = sa.MetaData()


def column_type(annotation: Any) -> TypeEngine[Any]:
    """Return the column type for an event field's annotation."""
    types: dict[type, TypeEngine[Any]] = {
        bool: sa.Boolean(),
        int: sa.BigInteger(),
        float: sa.Double(),
        str: sa.String(),
        datetime: sa.TIMESTAMP(timezone=True),
    }
    return types.get(python_type(annotation), sa.JSON())


def python_type(annotation: Any) -> type:
    """Return the Python type of an annotation: ``Annotated[float, ..] | None`` is ``float``; documents are ``dict``."""
    if annotation in (JsonValue, JsonValue | None):
        return dict
    if get_origin(annotation) is list:
        return list
    if isinstance(annotation, type):
        return annotation
    return python_type(next(part for part in get_args(annotation) if part is not type(None)))


def _event_columns(event: type[Event], names: Iterable[str]) -> list[sa.Column[Any]]:
    return [
        sa.Column(
            name,
            column_type(event.model_fields[name].annotation),
            nullable=name not in _NEVER_NULL,
            comment=_comment(event, name),
        )
        for name in names
    ]


_NEVER_NULL = ("event_id", "ts", "is_test")
_FIRST = ("event_id", "ts")
_LAST = ("is_test", "producer", "run_id", "hostname", "pid")


def _comment(event: type[Event], name: str) -> str:
    field = event.model_fields[name]
    unit = unit_of(field)
    return f"{field.description} [{unit}]" if unit else str(field.description)


def _store_columns() -> list[sa.Column[Any]]:
    return [
        sa.Column(
            "received_ts",
            sa.TIMESTAMP(timezone=True),
            nullable=False,
            comment="arrival time: when the journal took the event; of an imported row, when its log was written",
        ),
        sa.Column(
            "ingest_seq",
            sa.BigInteger(),
            nullable=False,
            comment="number of the row in the order of storing, counted over all tables: what known_seq compares",
        ),
        sa.Column("extra", sa.JSON(), comment="keys that came with the event and have no column of their own"),
    ]


def summary(event: type[Event]) -> str:
    """Return the first line of an event's docstring: the comment of its table."""
    return (inspect.getdoc(event) or "").splitlines()[0]


def _event_table(event: type[Event]) -> sa.Table:
    """The columns in the order in which the migrations made them: an added one stands at the end of its table."""
    added = [name for name, field in event.model_fields.items() if added_in(field)]
    own = [name for name in event.model_fields if name not in (*_FIRST, *added, *_LAST)]
    columns = [
        *_event_columns(event, (*_FIRST, *own, *_LAST)),
        *_store_columns(),
        *_event_columns(event, added),
    ]
    return sa.Table(event.table, METADATA, *columns, comment=summary(event))


EVENT_TABLES = {event.table: _event_table(event) for event in EVENTS}

REJECTED_EVENTS = sa.Table(
    "rejected_events",
    METADATA,
    sa.Column("event_id", sa.String(), nullable=False, comment="md5 of the refused line"),
    sa.Column("rejected_ts", sa.TIMESTAMP(timezone=True), nullable=False, comment="when it was refused"),
    sa.Column("source", sa.String(), nullable=False, comment="file it came from"),
    sa.Column("line", sa.BigInteger(), nullable=False, comment="line number in that file, from 1"),
    sa.Column("reason", sa.String(), nullable=False, comment="field, what was expected and what was found"),
    sa.Column("raw", sa.String(), nullable=False, comment="the whole line; bytes that are not UTF-8 as \\xNN"),
    comment="Lines and batches that could not be stored, kept whole, each with the reason.",
)

INGEST_COUNTER = sa.Table(
    "ingest_counter",
    METADATA,
    sa.Column("last_ingest_seq", sa.BigInteger(), nullable=False, comment="the highest ingest_seq that a row has"),
    comment="One row: the counter behind ingest_seq, moved in the transaction that stores the rows.",
)

APPLIED_SQL = sa.Table(
    "applied_sql",
    METADATA,
    sa.Column("name", sa.String(), nullable=False, comment="macro or view"),
    sa.Column("digest", sa.String(), nullable=False, comment="sha256 of its SQL and of all it reads"),
    comment="Which version of each macro and view the database holds.",
)

NAV_MINUTES = sa.Table(
    "nav_minutes",
    METADATA,
    sa.Column("minute", sa.TIMESTAMP(timezone=True), nullable=False, comment="start of the minute"),
    sa.Column("ts", sa.TIMESTAMP(timezone=True), nullable=False, comment="event time of its last tick"),
    sa.Column("ingest_seq", sa.BigInteger(), nullable=False, comment="number of its last tick"),
    sa.Column("equity_usd", sa.Double(), nullable=False, comment="equity at its last tick [USD]"),
    sa.Column("nav_usd", sa.Double(), comment="net asset value at its last tick [USD]"),
    sa.Column("unrealized_pnl_usd", sa.Double(), comment="unrealised PnL at its last tick [USD]"),
    sa.Column("realized_pnl_usd", sa.Double(), comment="realised PnL of the day at its last tick, as reported [USD]"),
    sa.Column("peak_equity_usd", sa.Double(), nullable=False, comment="highest equity of the minute [USD]"),
    sa.Column("first_equity_usd", sa.Double(), comment="equity at its first tick [USD]"),
    comment="Ticks with a known equity, by whole minutes; views read the unfinished minute from the ticks themselves.",
)

MARK_MINUTES = sa.Table(
    "mark_minutes",
    METADATA,
    sa.Column("symbol", sa.String(), nullable=False, comment="instrument"),
    sa.Column("minute", sa.TIMESTAMP(timezone=True), nullable=False, comment="start of the minute"),
    sa.Column("ts", sa.TIMESTAMP(timezone=True), nullable=False, comment="event time of its last mark"),
    sa.Column("close_price", sa.Double(), nullable=False, comment="mark price at its last mark [quote/base]"),
    comment="Mark prices by whole minutes; views read the unfinished minute from the marks themselves.",
)

PRICE_LOOKUPS = sa.Table(
    "price_lookups",
    METADATA,
    sa.Column("symbol", sa.String(), nullable=False, comment="instrument"),
    sa.Column("kind", sa.String(), nullable=False, comment="mid (between bid and ask) or mark"),
    sa.Column("at_ts", sa.TIMESTAMP(timezone=True), nullable=False, comment="the instant the price is asked for"),
    sa.Column(
        "within_s",
        sa.Double(),
        nullable=False,
        comment="how old the price may be; one of exactly this age is too old [s]",
    ),
    sa.Column(
        "price",
        sa.Double(),
        comment="the newest known price at or before the instant; null: there is none [quote/base]",
    ),
    sa.Column(
        "price_ts",
        sa.TIMESTAMP(timezone=True),
        comment="event time of the mark that the price comes from; null: there is no price",
    ),
    sa.Column(
        "ingest_seq",
        sa.BigInteger(),
        nullable=False,
        comment="ingest_seq from which on the answer holds: that of the asking row or of the mark, whichever is larger;"
        " of several answers the newest counts",
    ),
    comment="Prices that execution quality asks for; kept longer than the marks they come from.",
)

PRICE_LOOKUP_PROGRESS = sa.Table(
    "price_lookup_progress",
    METADATA,
    sa.Column(
        "answered_to",
        sa.TIMESTAMP(timezone=True),
        comment="every question for an instant up to here is answered; null: none was asked",
    ),
    comment="One row: how far price_lookups is written; moved in its transaction.",
)

GIVEN_IDS = sa.Table(
    "given_ids",
    METADATA,
    sa.Column("number", sa.BigInteger(), nullable=False, comment="place among the ids given by callers, growing"),
    sa.Column("id_hash", sa.BigInteger(), nullable=False, comment="63 bits of the md5 of the event_id"),
    sa.Column("ts", sa.TIMESTAMP(timezone=True), nullable=False, comment="event time of the row that has it"),
    comment="The newest million ids that callers gave: one that comes again with another time is refused.",
)

IMPORTED_LINES = sa.Table(
    "imported_lines",
    METADATA,
    sa.Column("line_id", sa.String(), nullable=False, comment="md5 of the line"),
    comment="Lines of old logs whose event is stored under another id than their md5: known at the next import.",
)

IMPORTS = sa.Table(
    "imports",
    METADATA,
    sa.Column("imported_ts", sa.TIMESTAMP(timezone=True), nullable=False, comment="when it was imported"),
    sa.Column("log", sa.String(), nullable=False, comment="log the rows came from"),
    sa.Column("first_seq", sa.BigInteger(), nullable=False, comment="ingest_seq of its first row"),
    sa.Column("last_seq", sa.BigInteger(), nullable=False, comment="ingest_seq of its last row"),
    comment="Which rows came from old logs. Those logs hold the lines already, so no mirror writes them again.",
)

JOURNAL_SEGMENTS = sa.Table(
    "journal_segments",
    METADATA,
    sa.Column("segment", sa.String(), nullable=False, comment="file name"),
    sa.Column("producer", sa.String(), nullable=False, comment="name of the producing process"),
    sa.Column("run_id", sa.String(), nullable=False, comment="identity of the producer's run"),
    sa.Column("number", sa.BigInteger(), nullable=False, comment="number of the segment in its run, from 1"),
    sa.Column("first_seq", sa.BigInteger(), nullable=False, comment="number of its first batch in the run, from 1"),
    sa.Column("last_seq", sa.BigInteger(), nullable=False, comment="number of the last batch read"),
    sa.Column("stored_batches", sa.BigInteger(), nullable=False, comment="batches stored"),
    sa.Column(
        "refused_batches", sa.BigInteger(), nullable=False, comment="batches kept whole among the rejected events"
    ),
    sa.Column("stored_events", sa.BigInteger(), nullable=False, comment="events stored"),
    sa.Column("read_bytes", sa.BigInteger(), nullable=False, comment="size of the part that is read [bytes]"),
    sa.Column("read_lines", sa.BigInteger(), nullable=False, comment="lines that are read, with the header [lines]"),
    sa.Column(
        "is_finished",
        sa.Boolean(),
        nullable=False,
        comment="true: read to its end, and its producer can add nothing more",
    ),
    comment="How far each segment of the journal is stored; moved in the transaction that stores the rows.",
)

EXPORTS = sa.Table(
    "exports",
    METADATA,
    sa.Column("export_id", sa.BigInteger(), nullable=False, comment="number of the publication, growing"),
    sa.Column("file", sa.String(), nullable=False, comment="published file"),
    sa.Column("as_of", sa.TIMESTAMP(timezone=True), nullable=False, comment="the instant it was computed for"),
    sa.Column("known_seq", sa.BigInteger(), nullable=False, comment="the last ingest_seq that was known"),
    sa.Column("sql_digest", sa.String(), nullable=False, comment="sha256 of the view and of all it reads"),
    sa.Column(
        "configured",
        sa.JSON(),
        nullable=False,
        comment="flags and mode by the settings, which a file shows while no flag snapshot is recorded",
    ),
    sa.Column("md5", sa.String(), nullable=False, comment="md5 of the file's bytes"),
    comment="Every publication of a state file, with what is needed to make it again.",
)

MIRROR_WATERMARKS = sa.Table(
    "mirror_watermarks",
    METADATA,
    sa.Column("mirror", sa.String(), nullable=False, comment="path of the JSONL log below logs/"),
    sa.Column("last_seq", sa.BigInteger(), nullable=False, comment="ingest_seq of the last row written"),
    sa.Column("byte_offset", sa.BigInteger(), nullable=False, comment="size of the log after that row [bytes]"),
    comment="How far each JSONL log is written.",
)
