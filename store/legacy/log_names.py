"""What the name of a log file tells: which log it belongs to, and how old this part of the log is.

Rotation tools name parts in many ways: ``x.jsonl.1``, ``x.1.jsonl``, ``x.jsonl-20251104.gz``, ``x.2025-11-04_13.jsonl``
or ``x.jsonl.old``. A name is split from left to right into dates, numbers, extensions and compressions. A file with
anything else in its name (``x_backup.jsonl``, ``x.jsonl.bak``, ``x (1).jsonl``) is not part of the log.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

PACKED = ("gz", "gzip", "zst", "zstd", "bz2", "xz")

Age = tuple[int, str, int]
"""Sorts the parts of one log, oldest first; the last item is for parts of one date."""

_DATED, _NUMBERED, OLD, _LIVE = range(4)
_TIME = (
    r"(?:[T_\-. ]?(?P<hour>[01]\d|2[0-4])(?:[:\-_.]?(?P<minute>[0-5]\d)(?:[:\-_.]?(?P<second>[0-5]\d))?)?"
    r"(?:[.,]\d{1,9})?)?"
)
_ZONE = r"(?:Z|[+-]\d\d:?\d\d)?"
_DAY = r"(?P<year>(?:19|20)\d\d)(?P<sep>[-_.]?)(?P<month>0[1-9]|1[0-2])(?:(?P=sep)(?P<day>0[1-9]|[12]\d|3[01]))"
_YEAR = r"(?P<year>(?:19|20)\d\d)"
_MONTH = r"(?P<year>(?:19|20)\d\d)[-_.]?(?P<month>0[1-9]|1[0-2])"
_DATES = [re.compile(rf"[.\-_@ ]?{date}(?!\d)", re.IGNORECASE) for date in (_DAY + _TIME + _ZONE, _MONTH, _YEAR)]
_NUMBER = re.compile(r"[.\-_@ ]?(\d+)\+*(?!\d)")
_EXTENSION = re.compile(rf"\.(jsonl|json|old|{'|'.join(PACKED)})(?![A-Za-z0-9])", re.IGNORECASE)
_COUNTER_DIGITS = 6
"""A longer number is an instant or the number of a row, which grows; rotation counts up from the newest part."""


@dataclass(frozen=True)
class LogName:
    """The log that a file name begins with; ``refusal``: why the file is not part of that log, else ``None``."""

    stem: str
    age: Age = (_LIVE, "", 0)
    refusal: str | None = None


def log_name(name: str, extensions: dict[str, str]) -> LogName | None:
    """Split a file name. ``extensions``: the extension of each known log, by its stem.

    Returns None for a name that begins with no known stem.
    """
    lower = name.lower()
    found = [stem for stem in extensions if lower.startswith(stem) and not lower[len(stem) : len(stem) + 1].isalnum()]
    if not found:
        return None
    stem = max(found, key=len)
    rest = name[len(stem) :]
    refused = LogName(
        stem, refusal=f"its name is not like {stem}.{extensions[stem]}, with a date or number where it was rotated"
    )
    dates, numbers, words, at = [], [], [], 0
    while at < len(rest):
        if (date := _date(rest, at)) is not None:
            digits, at = date
            dates.append(digits)
        elif number := _NUMBER.match(rest, at):
            numbers.append(number[1])
            at = number.end()
        elif word := _EXTENSION.match(rest, at):
            words.append(word[1].lower())
            at = word.end()
        else:
            return refused
    wrong = {"jsonl", "json"} - {extensions[stem]}
    if wrong & set(words) or not (words or dates or numbers):
        return refused
    return LogName(stem, _age(dates, numbers, words))


def _date(rest: str, at: int) -> tuple[str, int] | None:
    """Return the date at a place of a name as 14 digits (missing month, day or time as 00), and where it ends."""
    for pattern in _DATES:
        if found := pattern.match(rest, at):
            parts = found.groupdict()
            names = ("year", "month", "day", "hour", "minute", "second")
            return "".join(parts.get(part) or "00" for part in names), found.end()
    return None


def _age(dates: list[str], numbers: list[str], words: list[str]) -> Age:
    long = [number for number in numbers if len(number) > _COUNTER_DIGITS]
    short = [int(number) for number in numbers if len(number) <= _COUNTER_DIGITS]
    if dates:
        return _DATED, dates[0], int((long or ["0"])[0]) or sum(short)
    if long:
        return _DATED, _instant(long[0]), sum(short)
    if short:
        return _NUMBERED, "", -short[0]
    if "old" in words:
        return OLD, "", 0
    return _LIVE, "", 0 if set(words) & set(PACKED) else 1


def _instant(number: str) -> str:
    """Return epoch seconds, ms, us or ns as 14 digits; any other number keeps its order, before all dates."""
    for digits, unit in ((10, 1), (13, 1e3), (16, 1e6), (19, 1e9)):
        if len(number) == digits:
            return datetime.fromtimestamp(int(number) / unit, UTC).strftime("%Y%m%d%H%M%S")
    return number.rjust(40, "0")


def is_array(name: str) -> bool:
    """Return whether a file of this name holds one JSON array, not lines."""
    words = {word.lower() for word in _EXTENSION.findall(name)}
    return "json" in words


def is_archive(folder: str) -> bool:
    """Return whether a folder of this name holds rotated parts: ``archive``, ``old``, ``2025-11``."""
    return _ARCHIVE.fullmatch(folder) is not None


_ARCHIVE = re.compile(
    rf"(?:logs?[-_.]?)?(?:archived?|archives|old|rotated|history)|{_DAY}|(?:19|20)\d\d|[01]\d|[0-3]\d"
    r"|(?:19|20)\d\d[-_.]?(?:0[1-9]|1[0-2])",
    re.IGNORECASE,
)
