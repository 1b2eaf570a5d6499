"""From a line of the journal to rows: the JSON of each event, as the reader of its table takes it.

A field of an event as it stands in the journal has the JSON type of its column, so its bytes go on as they are; only an
event that does not fit so is read once more, to keep what has no column and to say what is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache, lru_cache
from operator import attrgetter
from typing import Annotated, Any, NamedTuple

import msgspec
import orjson

from tape.execution import values
from tape.execution.events import EVENTS_BY_TYPE, Event, contract_layout
from tape.execution.values import normal_name
from tape.store.canonical_json import quick_canonical_whole
from tape.store.ingest.identity import id_of_whole
from tape.store.journal.segments import REFUSED, Line
from tape.store.schema import python_type

Row = tuple[str, bytes, int, bool]
"""An event of a batch: its table, its JSON, its number, and whether its id is one that a caller gave."""


def rows_of(line: Line, segment: int, run_id: str, count: int) -> tuple[list[Row], str]:
    """The events of a batch of this run, numbered after ``count``, or why the batch is refused."""
    rows: list[Row] = []
    made = f"{run_id}-"
    try:
        for event_type, fields in _BATCH.decode(line.body):
            event = EVENTS_BY_TYPE[event_type]
            count += 1
            beside = b'{"segment":%d,"received_us":%d,"ingest_seq":%d,' % (segment, line.recorded_us, count)
            fitting, event_id = _fitting(event, bytes(fields))
            # An id that the journal made is unique by its place. Only ids that callers gave can come again.
            is_given = event_id is not None and (event.by_content or not event_id.startswith(made))
            rows.append((event.table, beside + fitting[1:] + b"\n", count, is_given))
    except _Misfit as error:
        # None of the rows, also not those before the misfit: a batch lands whole or not at all.
        return [], str(error)
    except (msgspec.MsgspecError, ValueError, KeyError, RecursionError):
        return [], _why_no_batch(line)
    return rows, ""


class _Misfit(Exception):
    """An event does not fit its table."""


def _fitting(event: type[Event], fields: bytes) -> tuple[bytes, str | None]:
    """The fields of an event as JSON that fits its table: as they are, or with what has no column in ``extra``.

    Beside them the id that the event was given, if any.

    Raises:
        _Misfit: a field is missing or wrongly typed.
    """
    shape = _shape(event)
    try:
        made = shape.decoder.decode(fields)
        if _are_in_calendar(shape.instants_of(made)) and _are_normal(shape.names_of(made)):
            # Here, where the document is at hand as bytes, and not in SQL, which would parse it once more.
            if made.event_id is None and (whole := _hashed_whole(event)) is not None:
                return _with_id(event, made.ts, getattr(made, whole), fields), None
            return fields, made.event_id
    except (msgspec.MsgspecError, RecursionError):
        pass
    return _sorted_out(event, fields)


def _hashed_whole(event: type[Event]) -> str | None:
    """The field whose document is the content of an event, for those that are known by it."""
    return event.whole if event.by_content else None


def _with_id(event: type[Event], ts: datetime, document: msgspec.Raw, fields: bytes) -> bytes:
    """The fields of an event that is a whole document, with its id.

    SQL would have to call back for each document, and wait for this thread to let the interpreter go. It gives the id
    to what has none here: the few documents that take the slow way.

    Raises:
        msgspec.MsgspecError: the document is none.
    """
    if document == _NULL:
        return fields
    if (canonical := quick_canonical_whole(document)) is None:
        msgspec.json.decode(document)
        return fields
    return b'{"event_id":"%b",%b' % (id_of_whole(event, ts, canonical).encode(), fields[1:])


def _sorted_out(event: type[Event], fields: bytes) -> tuple[bytes, str | None]:
    """The slow way: what is unknown is left out, what has no column goes into ``extra``, the rest must fit."""
    given = orjson.loads(fields)
    if not isinstance(given, dict):
        raise _Misfit(f"{event.event_type}: expected an object, found {type(given).__name__}")
    known = {name: value for name, value in given.items() if name in event.model_fields and value not in (None, "")}
    extra = {name: value for name, value in given.items() if name not in event.model_fields}
    if isinstance(twice := extra.get("extra"), dict) and twice.keys() <= event.model_fields.keys():
        extra = {
            **twice,
            **{name: value for name, value in extra.items() if name != "extra"},
        }  # what `parse_event` found at a field's second key
    shape = _shape(event)
    for name in shape.names:
        if isinstance(value := known.get(name), str):
            # An older version wrote symbols as they came. Two spellings of one symbol would be two in every view.
            known[name] = normal_name(value)
    try:
        made = shape.decoder.decode(orjson.dumps(known))
        for name, instant in zip(shape.instants, shape.instants_of(made), strict=True):
            if instant is not None:
                _refuse_out_of_calendar(event, name, instant)
        return orjson.dumps({**known, "extra": extra} if extra else known), made.event_id
    except msgspec.ValidationError as error:
        found = re.search(r"field `(\w+)`|`\$\.(\w+)", str(error))
        name = (found[1] or found[2]) if found else "event_id"
        raise _misfit(event, name, known.get(name)) from error
    except TypeError as error:  # nested more deeply than it writes
        raise _Misfit(f"{event.event_type}: {error}") from error


def _are_in_calendar(instants: tuple[datetime | None, ...]) -> bool:
    """Whether all are so far from the ends of the calendar that no offset leads out of it."""
    for instant in instants:  # noqa: SIM110 (runs for each event, and a generator costs three times as much)
        # The first and the last year are left to the slow way, which looks whether the offset leads out of them.
        if instant is not None and not 1 < instant.year < 9999:
            return False
    return True


@lru_cache(4096)
def _are_normal(names: tuple[str | None, ...]) -> bool:
    """Whether symbol and sides are written as they are compared: an older version trimmed none."""
    return all(name is None or name == normal_name(name) for name in names)


def _refuse_out_of_calendar(event: type[Event], name: str, instant: datetime) -> None:
    """Refuse an instant whose offset leads out of the calendar, as it can at either end.

    Raises:
        _Misfit: it does.
    """
    try:
        instant.astimezone(UTC)
    except OverflowError:
        raise _misfit(event, name, instant.isoformat()) from None


def _misfit(event: type[Event], name: str, value: Any) -> _Misfit:
    found = "nothing" if value is None else f"{value!r:.60}"
    expected = _WORDS[python_type(event.model_fields[name].annotation)]
    return _Misfit(f"{event.event_type}: {name}: expected {expected}, found {found}")


def _why_no_batch(line: Line) -> str:
    try:
        items = line.items
    except ValueError as error:
        return f"expected a JSON array, found {error}"
    if not isinstance(items, list):
        return f"expected a list of events, found {type(items).__name__}"
    for item in items:
        match item:
            case [kind, dict(refused)] if kind == REFUSED:
                return str(refused.get("reason"))
            case [str(kind), _] if kind in EVENTS_BY_TYPE:
                continue
        return f"expected a known event and its fields, found {item!r:.100}"
    return "expected a known event and its fields"


class _Shape(NamedTuple):
    """How the JSON of an event is read: a strict decoder, its instants, and its names (symbols and sides)."""

    decoder: msgspec.json.Decoder[Any]
    instants: tuple[str, ...]
    names: tuple[str, ...]
    instants_of: Callable[[Any], tuple[datetime | None, ...]]
    names_of: Callable[[Any], tuple[str | None, ...]]


@cache
def _shape(event: type[Event]) -> _Shape:
    """Built from the event's fields: each has the JSON type of its column, none besides."""
    fields: list[Any] = []
    kinds = {name: python_type(info.annotation) for name, info in event.model_fields.items()}
    for name, kind in kinds.items():
        if name == _hashed_whole(event):
            fields.append((name, msgspec.Raw, _NULL))
        elif event.model_fields[name].is_required() or (name == "event_id" and not event.by_content):
            fields.append((name, Annotated[str, msgspec.Meta(min_length=1)] if kind is str else _TYPES[kind]))
        else:
            fields.append((name, _TYPES[kind] | None, None))
    made = msgspec.defstruct(event.__name__, fields, kw_only=True, forbid_unknown_fields=True, gc=False)
    instants = tuple(name for name, kind in kinds.items() if kind is datetime)
    names = tuple(place.name for place in contract_layout(event).places if place.read is values.name)
    return _Shape(msgspec.json.Decoder(made), instants, names, _values_of(instants), _values_of(names))


def _values_of(names: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]]:
    """What gets the attributes of these names, as a tuple however many they are."""
    if len(names) > 1:
        return attrgetter(*names)
    if not names:
        return lambda made: ()
    only = attrgetter(*names)
    return lambda made: (only(made),)


_NULL = msgspec.Raw(b"null")
_BATCH = msgspec.json.Decoder(list[tuple[str, msgspec.Raw]])
_TYPES: dict[type, Any] = {
    float: float,
    int: Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)],
    bool: bool,
    str: str,
    datetime: Annotated[datetime, msgspec.Meta(tz=True)],
    list: list,
    dict: Any,
}
_WORDS = {
    float: "a number",
    int: "a whole number",
    bool: "true or false",
    str: "text",
    datetime: "an instant with its offset",
    list: "a list",
    dict: "a document",
}
