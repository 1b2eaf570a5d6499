"""Instants as users write them: the only parser of all forms.

The forms: RFC 3339; a date, or a date and a time, in the zone of ``--tz``, else UTC; a span before now (``-2h``);
``newest``, the time of the newest event of the store, or a span before it (``newest-30m``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

from tape.store.errors import StoreError

FORMS = 'newest, 2025-11-05T16:10:00Z, "2025-11-05 16:10", 2025-11-05, or so long ago: -2h, -30m, -7d'
_LOCAL = Path("/etc/localtime")
_FROM = re.compile(r"(now|newest)?(?:-(\d+(?:\.\d+)?)([smhdw]))?", re.IGNORECASE)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class NoInstant(StoreError):
    """A text is not an instant."""

    def __init__(self, found: str) -> None:
        self.found = found
        super().__init__(f"instant: expected {FORMS}, found {found!r}")


class NoZone(StoreError):
    """A text is not the name of a time zone of this machine."""

    def __init__(self, found: str) -> None:
        self.found = found
        super().__init__(f"zone: expected a time zone such as UTC, Europe/Berlin or local, found {found!r}")


@dataclass(frozen=True)
class Newest:
    """The time of the newest event of a store that is not in the future, less ``before``."""

    before: timedelta = timedelta()


Given = datetime | Newest


def instant(text: str, now: datetime, zone: tzinfo = UTC) -> Given:
    """Return what a text means at ``now``, in UTC; ``zone``: the zone of a date or time without an offset.

    Raises:
        NoInstant: the text has none of the forms.
    """
    said = text.strip()
    found = _FROM.fullmatch(said)
    try:
        if said and found is not None:
            word, count, unit = found.groups()
            before = timedelta(**{_UNITS[unit.lower()]: float(count)}) if count else timedelta()
            return Newest(before) if (word or "").lower() == "newest" else (now - before).astimezone(UTC)
        parsed = datetime.fromisoformat(said)
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise NoInstant(text) from None


def is_whole(text: str) -> bool:
    """Return whether a text is a complete instant that needs neither the store, nor the clock, nor a zone."""
    try:
        return datetime.fromisoformat(text.strip()).tzinfo is not None
    except ValueError:
        return False


def zone(text: str) -> tzinfo:
    """Return a time zone by its name; ``local`` is the zone of this machine.

    Raises:
        NoZone: there is no zone of this name.
    """
    try:
        if text.lower() == "local":
            with _LOCAL.open("rb") as file:
                return ZoneInfo.from_file(file, key="local")
        return UTC if text.upper() in ("UTC", "Z") else ZoneInfo(text)
    except (OSError, ValueError, KeyError):  # ZoneInfoNotFoundError is a KeyError
        raise NoZone(text) from None


def shown(at: datetime, zone: tzinfo = UTC) -> str:
    """Return an instant as titles show it: ``2025-11-05 16:10:00 UTC``."""
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S} {zone}"


def instant_sql(at: datetime) -> str:
    """Return an instant as a literal of SQL."""
    return f"timestamptz '{at.isoformat()}'"


def span(seconds: float) -> str:
    """Return a time span for people: ``0.4 s``, ``3 min``, ``26 h``, ``9 days``."""
    for limit, unit, length in ((100, "s", 1), (5400, "min", 60), (172_800, "h", 3600)):
        if abs(seconds) < limit:
            count = seconds / length
            return f"{count:.{int(abs(count) < 10)}f} {unit}"
    return f"{seconds / 86_400:,.0f} days"
