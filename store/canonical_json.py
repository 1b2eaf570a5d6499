"""Documents in a canonical form: equal documents have equal text, however they were written.

Keys are sorted, white space is left out, every number is a double, escapes are resolved. SQL calls these functions; a
database that is opened for writing gets them.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from functools import cache
from typing import Any

import duckdb
import msgspec

PLAIN_IDS = r'\[(([0-9]+|"[A-Za-z0-9_-]+")(, ?)?)*\]'
"""What a list of plain ids looks like, whose canonical form is itself without quotes and blanks."""
_PLAIN_ID = re.compile("[A-Za-z0-9_-]+")
_LEVELS = 7
"""Levels of a document that the fast decoder reads, deeper ones take the slow way: each level doubles its size."""
HOW_WRITTEN = frozenset(
    (
        "event_id",
        "event_type",
        "is_test",
        "producer",
        "run_id",
        "hostname",
        "pid",
        "received_ts",
        "ingest_seq",
        "ts",
        "timestamp",
    )
)
"""Keys of a whole document that are no part of its content: its time is a column, however the key spells it."""


def _document_type() -> Any:
    scalar = float | str | bool | None
    found: Any = scalar
    for _ in range(_LEVELS):
        found = scalar | list[found] | dict[str, found]
    return found


@cache
def _decoder() -> msgspec.json.Decoder[Any]:
    """Return a decoder that reads numbers of every spelling as doubles: the type knows no other number."""
    return msgspec.json.Decoder(_document_type())


_ENCODER = msgspec.json.Encoder(order="sorted")


def canonical_json(text: str) -> str:
    """Return JSON text in the one form that is independent of key order, white space, number spelling and escapes."""
    try:
        found = _ENCODER.encode(_decoder().decode(text)).decode()
    except (msgspec.MsgspecError, UnicodeError):
        return encoded(loaded(text))
    # Zero has two doubles, and the hash must not tell them apart. Such a document is rare enough for the slow way.
    return found if "-0.0" not in found else encoded(loaded(text))


def canonical_whole(text: str) -> str:
    """Like ``canonical_json``, without the keys that say how and when the line was written."""
    found = quick_canonical_whole(text)
    return found if found is not None else encoded(_without_how(loaded(text)))


def quick_canonical_whole(text: str | bytes | msgspec.Raw) -> str | None:
    """Like ``canonical_whole``; ``None`` for text that is not a document, or that needs the slow path."""
    try:
        found = _ENCODER.encode(_without_how(_decoder().decode(text))).decode()
    except (msgspec.MsgspecError, UnicodeError):
        return None
    return found if "-0.0" not in found else None


def _without_how(value: Any) -> Any:
    if isinstance(value, dict):
        # On the first level alone: a `ts` within the document is content.
        for key in HOW_WRITTEN & value.keys():
            del value[key]
    return value


def canonical_ids(text: str) -> str:
    """Return a list of ids as text: ``[1, "2"]`` and ``["1", 2.0]`` are the same ids; plain ones without quotes."""
    found = loaded(text)
    if not isinstance(found, list):
        return encoded(found)
    ids = [_id_text(each) for each in found]
    is_plain = all(isinstance(each, str) and _PLAIN_ID.fullmatch(each) for each in ids)
    return f"[{','.join(ids)}]" if is_plain else encoded(ids)


def _id_text(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    # A flag is a whole number to Python, and no id.
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def loaded(text: str) -> Any:
    """Parse JSON text; return the text itself if it is not JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def encoded(value: Any) -> str:
    """Return the canonical JSON of a value."""
    try:
        return _ENCODER.encode(_as_doubles(value)).decode()
    except RecursionError:
        return repr(value)


def _as_doubles(value: Any) -> Any:
    if isinstance(value, dict):
        return {_writable(key): _as_doubles(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_as_doubles(each) for each in value]
    if isinstance(value, str):
        return _writable(value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        try:
            # Adding 0.0 makes 0.0 of -0.0.
            return float(value) + 0.0
        except OverflowError:
            return str(value)
    return value


def _writable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def add_functions(connection: duckdb.DuckDBPyConnection) -> None:
    """Add the functions that the SQL below calls to a database; a second call changes nothing."""
    for function in (canonical_json, canonical_whole, canonical_ids):
        # A second cursor of the same database has them already.
        with suppress(duckdb.NotImplementedException, duckdb.CatalogException):
            connection.create_function(function.__name__, function, ["VARCHAR"], "VARCHAR")
