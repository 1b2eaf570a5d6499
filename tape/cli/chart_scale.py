"""The ticks of an axis: their positions and labels. Pure."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import pairwise

_STEPS_S = (1, 2, 5, 10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200)
_DAYS = (1, 2, 5, 7, 14, 30, 60, 90, 180, 365, 730, 1825)
_DAY_S = 86_400


def number_ticks(low: float, high: float, about: int) -> list[float]:
    """Return about ``count`` round numbers between two; if the two are equal, only that number."""
    if high <= low:
        return [low]
    rough = (high - low) / max(1, about)
    magnitude = 10.0 ** math.floor(math.log10(rough))
    step = next((each * magnitude for each in (1, 2, 5) if each * magnitude >= rough), 10 * magnitude)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(at * step, 12) for at in range(first, last + 1)]


def number_label(value: float, ticks: list[float]) -> str:
    """Return a tick's number with as many decimals as distinguish the ticks; never ``-0``."""
    step = min((abs(b - a) for a, b in pairwise(ticks)), default=abs(value) / 1000)
    decimals = 0 if not step else max(0, min(8, -math.floor(math.log10(step) + 1e-9)))
    text = f"{value:,.{decimals}f}"
    return text.removeprefix("-") if not text.strip("-0.,") else text


def time_ticks(first: datetime, last: datetime, about: int, zone: tzinfo) -> list[tuple[datetime, str]]:
    """Return at most about ``count`` round instants of a time zone between two, each with its label."""
    length_s = (last - first).total_seconds()
    rough = length_s / max(1, about)
    steps = (*_STEPS_S, *(days * _DAY_S for days in _DAYS))
    step = next((each for each in steps if each >= rough), steps[-1])
    form = "%H:%M:%S" if step < 60 else "%H:%M" if step < _DAY_S and length_s < 2 * _DAY_S else "%m-%d %H:%M"
    form = form if step < _DAY_S else "%m-%d" if length_s < 300 * _DAY_S else "%Y-%m-%d"
    start = first.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    at = start + timedelta(seconds=math.ceil((first - start).total_seconds() / step) * step)
    found = []
    while at.astimezone(UTC) <= last:
        found.append((at, at.strftime(form)))
        at += timedelta(seconds=step)
    return found
