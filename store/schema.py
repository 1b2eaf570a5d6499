"""The tables, derived from the events: one table per event type, plus the store's own.

Laws kept here: a column's type, unit and comment come from ``execution.events``; no primary keys and no secondary
indexes (they break WAL replay on big tables, natural order is time); what the store adds to an event stands in
``_store_columns`` and nowhere else.
"""

from __future__ import annotations

import inspect
from datetime import datetime
from typing import Any, get_args, get_origin

import sqlalchemy as sa
from pydantic import JsonValue
from sqlalchemy.types import TypeEngine

from execution.events import EVENTS, Event, unit_of

METADATA = sa.MetaData()


def column_type(annotation: Any) -> TypeEngine[Any]:
    """The column type of an event field's annotation."""
    types: dict[type, TypeEngine[Any]] = {
        bool: sa.Boolean(),
        int: sa.BigInteger(),
        float: sa.Double(),
        str: sa.String(),
        datetime: sa.TIMESTAMP(timezone=True),
    }
    return types.get(python_type(annotation), sa.JSON())


def python_type(annotation: Any) -> type:
    """The Python type behind an annotation: ``Annotated[float, ..] | None`` is ``float``; documents are ``dict``."""
    if annotation in (JsonValue, JsonValue | None):
        return dict
    if get_origin(annotation) is list:
        return list
    if isinstance(annotation, type):
        return annotation
    return python_type(next(part for part in get_args(annotation) if part is not type(None)))


def _event_columns(event: type[Event]) -> list[sa.Column[Any]]:
    first = ["event_id", "ts"]
    names = first + [name for name in event.model_fields if name not in (*first, *_LAST)] + list(_LAST)
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
            comment="arrival time: when the store, or the log an imported row came from, wrote it down",
        ),
        sa.Column(
            "ingest_seq",
            sa.BigInteger(),
            nullable=False,
            comment="number of the stored row, growing over all tables: what was known when",
        ),
        sa.Column("extra", sa.JSON(), comment="whatever came with the event and has no column"),
    ]


def summary(event: type[Event]) -> str:
    """The first line of an event's docstring: the comment of its table."""
    return (inspect.getdoc(event) or "").splitlines()[0]


def _event_table(event: type[Event]) -> sa.Table:
    return sa.Table(event.table, METADATA, *_event_columns(event), *_store_columns(), comment=summary(event))


EVENT_TABLES = {event.table: _event_table(event) for event in EVENTS}

REJECTED_EVENTS = sa.Table(
    "rejected_events",
    METADATA,
    sa.Column("event_id", sa.String(), nullable=False, comment="md5 of the refused line"),
    sa.Column("rejected_ts", sa.TIMESTAMP(timezone=True), nullable=False, comment="when it was refused"),
    sa.Column("source", sa.String(), nullable=False, comment="file it came from"),
    sa.Column("line", sa.BigInteger(), nullable=False, comment="line number in that file, from 1"),
    sa.Column("reason", sa.String(), nullable=False, comment="field, what was expected and what was found"),
    sa.Column("raw", sa.String(), nullable=False, comment="the line, whole; bytes that are no UTF-8 as \\xNN"),
    comment="What could not be stored, kept whole with the reason.",
)

INGEST_COUNTER = sa.Table(
    "ingest_counter",
    METADATA,
    sa.Column("last_ingest_seq", sa.BigInteger(), nullable=False, comment="the last ingest_seq given out"),
    comment="One row: the counter behind ingest_seq, moved in the transaction that stores the rows.",
)

APPLIED_SQL = sa.Table(
    "applied_sql",
    METADATA,
    sa.Column("name", sa.String(), nullable=False, comment="macro or view"),
    sa.Column("digest", sa.String(), nullable=False, comment="sha256 of its SQL and of all it reads"),
    comment="Which version of each macro and view the database holds.",
)
