"""What a value may be: one rule per kind of field, whatever way an event comes in.

Every reader below takes what a producer or a log gives and returns the value that is stored, or ``None`` where the
value is unknown. What it can make nothing of raises ``ValueError``; the message says what was expected. The typed
models, ``write_event`` and the import of logs all read through these functions; the SQL of the import
(``store/legacy/json_rows.py``) types only values in their plainest form by itself and leaves the others to them.

Unknown are null, NaN and the infinities (also as text), numbers beyond ``LARGEST``, and, where no text is expected,
empty or blank text and the words ``null`` and ``none``. Empty text is unknown everywhere.

============  ========================================================================================================
kind          what is read
============  ========================================================================================================
number        a number, or decimal text as Python and DuckDB read it (``1.5``, ``.5``, ``5.``, ``+1``, ``-1e-3``,
              ``1_000``), with blanks around it. Refused: flags, ``1,000``, hexadecimal, other digits than 0 to 9.
              ``-0`` is 0.
whole number  a number as above without a fraction, within 64 bits
instant       see ``instant``
flag          ``true`` and ``false``; 1 and 0; as text in any case also ``t yes y on`` and ``f no n off``
id            text as it stands, or a whole number; a fraction, or 1e18, is no id: its digits may be lost
text          text as it stands
symbol, side  text without the blanks around it, in upper case as ``str.upper`` makes it
list          a list; text that holds one is refused
document      any JSON; a NaN in it is null
============  ========================================================================================================
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Set
from datetime import UTC, date, datetime, timedelta, timezone
from fractions import Fraction
from typing import Any

EPOCH_MS_FROM = 2.6e11
"""Epoch numbers of at least this size are milliseconds, of a thousand times this size microseconds, of a million times
nanoseconds. 2.6e11 s is past the year 9999 and 2.6e11 ms is March 1978, so an instant between 1978 and 9999 is read
rightly in each of the four units, and none of them is ever taken for another."""

LARGEST = 1e100
"""No price, quantity or amount is larger. A number that is would make infinite sums and products, and one infinite
number keeps a whole file from being published; so it is unknown, as the infinity it nearly is."""

_UNKNOWN_WORDS = frozenset({"", "null", "none"})
_NOT_FINITE = re.compile(r"[+-]?(nan|inf(inity)?)", re.ASCII | re.IGNORECASE)
_WHOLE = re.compile(r"[+-]?[0-9]+(_[0-9]+)*", re.ASCII)
_DEPTH = 100
_MAX_DIGITS = 400
"""From here on a whole number is larger than any double."""
_COMPACT_DATE = re.compile(r"[0-9]{8}|[0-9]{14}", re.ASCII)
_INSTANT = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?(?: ?(Z|UTC|[+-]\d\d(?::?\d\d)?))?)?",
    re.ASCII | re.IGNORECASE,
)
_FLAGS = {
    **dict.fromkeys(("true", "t", "yes", "y", "on", "1"), True),
    **dict.fromkeys(("false", "f", "no", "n", "off", "0"), False),
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INT64 = range(-(2**63), 2**63)


def number(value: object) -> float | None:
    """A double; ``None`` for NaN, the infinities and what is beyond ``LARGEST``."""
    if type(value) is float:  # by far the most
        return value + 0.0 if abs(value) <= LARGEST else None
    found = _numeric(value, "a number")
    if found is None:
        return None
    try:
        double = float(found)
    except OverflowError:
        return None
    return double + 0.0 if abs(double) <= LARGEST else None


def whole_number(value: object) -> int | None:
    """An integer of at most 64 bits."""
    found = _numeric(value, "a whole number")
    if found is None or (isinstance(found, float) and not math.isfinite(found)):
        return None
    if found != int(found) or int(found) not in _INT64:
        raise ValueError("expected a whole number")
    return int(found)


def instant(value: object) -> datetime | None:
    """An instant in UTC, to the microsecond.

    Text is ``YYYY-MM-DD``, or that with ``T``, ``t`` or a blank and ``hh:mm[:ss[.fraction]]``, with up to nine digits
    behind a point or a comma, and with ``Z``, ``UTC``, ``+hh:mm``, ``+hhmm``, ``+hh`` or nothing, which is UTC. Digits
    beyond the microsecond are cut, so no instant moves into the next second. Named zones, ``24:00``, leap seconds,
    week dates and compact dates (``20251105``) are refused.

    Numbers, also as text, are seconds, milliseconds, microseconds or nanoseconds since 1970 by their size (see
    ``EPOCH_MS_FROM``), rounded to the nearest microsecond, half to even; nanoseconds are cut like the digits of text.
    """
    if type(value) is datetime and value.tzinfo is UTC:
        return value
    if isinstance(value, str):
        text = value.strip()
        if (parts := _INSTANT.fullmatch(text)) is not None:
            return _from_parts(parts)
        if _COMPACT_DATE.fullmatch(text):
            raise ValueError("expected an instant")
    if isinstance(value, date):
        return _from_datetime(value)
    found = _numeric(value, "an instant")
    if found is None or (isinstance(found, float) and not math.isfinite(found)):
        return None
    return _from_epoch(found)


def flag(value: object) -> bool | None:
    """True or false."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        word = value.strip().lower()
        if word in _UNKNOWN_WORDS or _NOT_FINITE.fullmatch(word):
            return None
        if word in _FLAGS:
            return _FLAGS[word]
        raise ValueError("expected true or false")
    found = _numeric(value, "true or false")
    if found is None or (isinstance(found, float) and not math.isfinite(found)):
        return None
    if found not in (0, 1):
        raise ValueError("expected true or false")
    return bool(found)


def identity(value: object) -> str | None:
    """The text of an id; whole numbers become their digits."""
    if value is None or isinstance(value, str):
        return _readable(value) if value else None
    found = None if isinstance(value, bool) else _python_number(value)
    if isinstance(found, int):
        return str(found)
    if isinstance(found, float) and not math.isfinite(found):
        return None
    raise ValueError("expected an id")


def text(value: object) -> str | None:
    """Text as it stands."""
    if value is None or isinstance(value, str):
        return _readable(value) if value else None
    if isinstance(value, float) and not math.isfinite(value):
        return None
    raise ValueError("expected text")


def name(value: object) -> str | None:
    """The name of a symbol or side: without the blanks around it, in upper case."""
    found = text(value)
    return normal_name(found) or None if found else None


def normal_name(given: str) -> str:
    """A symbol or side as it is compared: without the blanks around it, in upper case."""
    return given.strip().upper()


def a_list(value: object) -> list[Any] | None:
    """A list, or a tuple made one."""
    if isinstance(value, (list, tuple)):
        return list(value)
    if _is_unknown(value):
        return None
    raise ValueError("expected a list")


def document(value: object) -> Any:
    """Any JSON value; empty text is unknown."""
    return None if isinstance(value, (str, float)) and _is_empty(value) else value


def as_json(value: object, depth: int = 0) -> Any:
    """What JSON knows instead of a value: numpy's numbers as plain ones, lists for tuples and sets, else text.

    Below ``_DEPTH`` levels only the type is named, so a document that holds itself ends.
    """
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).isoformat()
    if hasattr(value, "tolist"):  # numpy's arrays and numbers
        return as_json(value.tolist(), depth)
    if not isinstance(value, (Mapping, list, tuple, Set)):
        return str(value)
    if depth == _DEPTH:
        return f"<{type(value).__name__}: nested too deeply>"
    if isinstance(value, Mapping):
        return {str(key): as_json(each, depth + 1) for key, each in value.items()}
    return [as_json(each, depth + 1) for each in value]


def _is_empty(value: str | float) -> bool:
    return not value if isinstance(value, str) else not math.isfinite(value)


def _is_unknown(value: object) -> bool:
    if isinstance(value, str):
        word = value.strip().lower()
        return word in _UNKNOWN_WORDS or _NOT_FINITE.fullmatch(word) is not None
    return value is None or (isinstance(value, float) and not math.isfinite(value))


def _numeric(value: object, expected: str) -> int | float | None:
    """A number or numeric text as a Python number, which may be infinite; ``None``: unknown.

    Raises:
        ValueError: neither.
    """
    if _is_unknown(value):
        return None
    if isinstance(value, str):
        word = value.strip()
        if len(word) < _MAX_DIGITS and _WHOLE.fullmatch(word):
            return int(word)
        if word.isascii() and (found := _decimal(word)) is not None:
            return found
    elif not isinstance(value, bool) and (found := _python_number(value)) is not None:
        return found
    raise ValueError(f"expected {expected}")


def _decimal(word: str) -> float | None:
    try:
        return float(word)
    except ValueError:
        return None


def _python_number(value: object) -> int | float | None:
    """An int or float, also of another library's number; ``None`` where the value is none."""
    if isinstance(value, (int, float)):
        return value
    for convert in ("__index__", "__float__"):
        if hasattr(value, convert):
            try:
                return int(value) if convert == "__index__" else float(value)  # type: ignore[call-overload,arg-type]
            except (TypeError, ValueError, OverflowError):
                return None
    return None


def _from_parts(parts: re.Match[str]) -> datetime:
    year, month, day, hour, minute, second, fraction, offset = parts.groups()
    try:
        zone = UTC if offset is None or offset.upper() in ("Z", "UTC") else _zone(offset)
        micros = int((fraction or "0")[:6].ljust(6, "0"))
        found = datetime(
            int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0), micros, tzinfo=zone
        )
        return found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("expected an instant") from None


def _zone(offset: str) -> timezone:
    hours, minutes = int(offset[1:3]), int(offset[3:].removeprefix(":") or 0)
    if hours > 23 or minutes > 59:
        raise ValueError("expected an instant")
    away = timedelta(hours=hours, minutes=minutes)
    return timezone(-away if offset[0] == "-" else away)


def _from_datetime(value: date) -> datetime:
    if not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    try:
        found = value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise ValueError("expected an instant") from None
    if type(found) is datetime:
        return found
    # a subclass of another library, which the journal could not write
    return datetime(*found.timetuple()[:6], found.microsecond, tzinfo=UTC)


def _from_epoch(found: int | float) -> datetime:
    size = abs(found)
    try:
        if size < EPOCH_MS_FROM:
            micros = round(Fraction(found) * 1_000_000)
        elif size < EPOCH_MS_FROM * 1e3:
            micros = round(Fraction(found) * 1_000)
        elif size < EPOCH_MS_FROM * 1e6:
            micros = round(found)
        elif size < EPOCH_MS_FROM * 1e9:
            micros = int(found) // 1_000
        else:
            raise ValueError("expected an instant")
        return _EPOCH + timedelta(microseconds=micros)
    except OverflowError:
        raise ValueError("expected an instant") from None


def _readable(value: str) -> str:
    """Text that can be written: half of a surrogate pair is a question mark."""
    return value if value.isascii() else value.encode("utf-8", "replace").decode()


def shortened(text: str, most: int) -> str:
    """A text of at most ``most`` characters; one that was longer says so with three dots at its end."""
    return text if len(text) <= most else f"{text[: most - 3]}..."
