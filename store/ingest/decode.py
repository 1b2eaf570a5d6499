"""Decoding: from a line of the journal to rows, the JSON of each event in the form that the reader of its table takes.

In the journal, a field normally has the JSON type of its column, so its bytes are passed on unchanged. Only an event
that does not fit is read a second time, to keep fields without a column and to say what is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache, lru_cache, reduce
from operator import attrgetter, or_
from typing import Annotated, Any, NamedTuple

import msgspec
import orjson

from tape.execution import values
from tape.execution.events import EVENTS, EVENTS_BY_TYPE, Event, contract_layout
from tape.execution.values import normal_name
from tape.store.canonical_json import quick_canonical_whole
from tape.store.ingest.identity import id_of_whole
from tape.store.journal.segments import REFUSED, Line
from tape.store.schema import python_type

Fitting = tuple[type[Event], bytes, str | None]
"""An event that fits its table: its class, the JSON of its fields behind the first brace, the id it came with."""


def events_of(line: Line) -> tuple[Sequence[Fitting], str]:
    """The events of a batch, or why the batch is refused."""
    try:
        return _fitting_events(line.body), ""
    except _Misfit as error:
        return (), str(error)
    except (msgspec.MsgspecError, ValueError, KeyError, RecursionError):
        return (), _why_no_batch(line)


def _fitting_events(body: bytes) -> Sequence[Fitting]:
    """The events of a batch.

    A batch is decoded once, as what it nearly always is: events that fit their tables as they are.

    Raises:
        _Misfit: a field is missing or wrongly typed.
        msgspec.MsgspecError: it is no batch.
        KeyError: an event is of no known type.
    """
    try:
        items = _fitting_batch().decode(body)
    except (msgspec.MsgspecError, RecursionError):
        return [_fitting(EVENTS_BY_TYPE[event_type], bytes(raw)) for event_type, raw in _BATCH.decode(body)]
    if len(items) == 1 and body.startswith((shape := items[0].shape).head) and body.endswith(b"}]]"):
        return (_checked(shape, items[0].fields, body[len(shape.head) : -2]),)
    raws = [bytes(raw) for _, raw in _BATCH.decode(body)]
    return [_checked(item.shape, item.fields, raw[1:]) for item, raw in zip(items, raws, strict=True)]


class _Misfit(Exception):
    """An event does not fit its table."""


def _fitting(event: type[Event], fields: bytes) -> Fitting:
    """Return the fields of an event as JSON that fits its table: unchanged, or with unknown fields moved to ``extra``.

    Raises:
        _Misfit: a field is missing or wrongly typed.
    """
    shape = _shape(event)
    try:
        return _checked(shape, shape.decoder.decode(fields), fields[1:])
    except (msgspec.MsgspecError, RecursionError):
        return _sorted_out(event, fields)


def _checked(shape: _Shape, made: Any, fields: bytes) -> Fitting:
    """An event whose fields have their types, as JSON that fits its table: as it is, or sorted out.

    Raises:
        _Misfit: a field is wrong.
    """
    if not _are_normal(shape.names_of(made)) or not _are_in_calendar(shape.instants_of(made)):
        return _sorted_out(shape.event, b"{" + fields)
    event_id: str | None = made.event_id
    if event_id is None and shape.whole is not None:
        # Here, where the document is at hand as bytes, and not in SQL, which would parse it once more.
        try:
            fields = _with_id(shape.event, made.ts, getattr(made, shape.whole), fields)
        except (msgspec.MsgspecError, RecursionError):
            return _sorted_out(shape.event, b"{" + fields)
    return shape.event, fields, event_id


def _with_id(event: type[Event], ts: datetime, document: msgspec.Raw, fields: bytes) -> bytes:
    """Return the fields of an event that is a whole document, with its id.

    Computed here, because SQL would have to call back into Python for each document and wait for the interpreter lock.
    SQL gives an id only to rows that have none here: the few documents that need ``_sorted_out``.

    Raises:
        msgspec.MsgspecError: the document is not valid.
    """
    if document == _NULL:
        return fields
    if (canonical := quick_canonical_whole(document)) is None:
        msgspec.json.decode(document)
        return fields
    return b'"event_id":"%b",%b' % (id_of_whole(event, ts, canonical).encode(), fields)


def _sorted_out(event: type[Event], fields: bytes) -> Fitting:
    """The slow path: leave out unknown values, move fields without a column to ``extra``, and check the rest."""
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
        fitting = orjson.dumps({**known, "extra": extra} if extra else known)
        return event, fitting[1:], made.event_id
    except msgspec.ValidationError as error:
        found = re.search(r"field `(\w+)`|`\$\.(\w+)", str(error))
        name = (found[1] or found[2]) if found else "event_id"
        raise _misfit(event, name, known.get(name)) from error
    except TypeError as error:  # nested more deeply than it writes
        raise _Misfit(f"{event.event_type}: {error}") from error


def _are_in_calendar(instants: tuple[datetime | None, ...]) -> bool:
    """Return whether all instants are far enough from the ends of the calendar that no offset leads outside."""
    for instant in instants:  # noqa: SIM110 (runs for each event, and a generator costs three times as much)
        # The first and the last year are left to the slow way, which looks whether the offset leads out of them.
        if instant is not None and not 1 < instant.year < 9999:
            return False
    return True


@lru_cache(4096)
def _are_normal(names: tuple[str | None, ...]) -> bool:
    """Return whether symbol and sides are already in the form that is compared; older versions did not trim them."""
    return all(name is None or name == normal_name(name) for name in names)


def _refuse_out_of_calendar(event: type[Event], name: str, instant: datetime) -> None:
    """Refuse an instant whose offset leads outside the calendar, as it can at either end.

    Raises:
        _Misfit: the instant lies outside.
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
    """How the JSON of an event type is read: a strict decoder, its instants, and its names (symbols and sides)."""

    event: type[Event]
    decoder: msgspec.json.Decoder[Any]
    head: bytes
    """What stands before its first field in a batch of one, as the journal writes it."""
    whole: str | None
    """The field whose document is the content of the event, for those that are known by it."""
    instants_of: Callable[[Any], tuple[datetime | None, ...]]
    names_of: Callable[[Any], tuple[str | None, ...]]
    instants: tuple[str, ...]
    names: tuple[str, ...]


@cache
def _shape(event: type[Event]) -> _Shape:
    """Build the shape from the event's fields: each has the JSON type of its column, and no other field is allowed."""
    fields: list[Any] = []
    kinds = {name: python_type(info.annotation) for name, info in event.model_fields.items()}
    whole = event.whole if event.by_content else None
    for name, kind in kinds.items():
        if name == whole:
            fields.append((name, msgspec.Raw, _NULL))
        elif event.model_fields[name].is_required() or (name == "event_id" and not event.by_content):
            fields.append((name, Annotated[str, msgspec.Meta(min_length=1)] if kind is str else _TYPES[kind]))
        else:
            fields.append((name, _TYPES[kind] | None, None))
    made = msgspec.defstruct(event.__name__, fields, kw_only=True, forbid_unknown_fields=True, gc=False)
    instants = tuple(name for name, kind in kinds.items() if kind is datetime)
    names = tuple(place.name for place in contract_layout(event).places if place.read is values.name)
    decoder, head = msgspec.json.Decoder(made), b'[["%b",{' % event.event_type.encode()
    return _Shape(event, decoder, head, whole, _values_of(instants), _values_of(names), instants, names)


@cache
def _fitting_batch() -> msgspec.json.Decoder[Any]:
    """A decoder of batches whose events all fit: each item has its ``fields``, and its class the ``shape``."""
    items = [
        msgspec.defstruct(
            f"{event.__name__}Item",
            [("fields", shape.decoder.type)],
            namespace={"shape": shape},
            tag=event.event_type,
            array_like=True,
            forbid_unknown_fields=True,
            gc=False,
        )
        for event in EVENTS
        for shape in [_shape(event)]
    ]
    one_of_them: Any = reduce(or_, items)
    return msgspec.json.Decoder(list[one_of_them])


def _values_of(names: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]]:
    """Return a function that reads the attributes of these names as a tuple, for any number of names."""
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
