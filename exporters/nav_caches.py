"""Keeps ``logs/cache/peak_state.json`` and ``logs/nav_log.json``: the account's past, for dashboards and old runtimes.

Both derive from nav.json. Other programs keep files of these names too, so their content is carried over:

- ``nav_log.json``: existing points stay, in any time format and with any keys. Points of Tape's own shape are thinned
  to one per minute and removed after POINTS minutes; points of another shape stay for good.
- ``peak_state.json``: unknown keys stay. Two sets of keys are written, one for each kind of reader: ``peak_equity``,
  ``equity``, ``drawdown_pct``, ``drawdown_abs`` .. and ``peak``, ``nav``, ``dd_pct``, ``dd_abs``, ``day`` .. of the
  runtimes that the contract describes. Without an equity the file is not changed: a reader that finds a peak without a
  NAV assumes that the account is lost.
- a file with other content is set aside whole before it is replaced;
- a file that another program writes meanwhile is left to that program, and the error says so.
"""

from __future__ import annotations

import json
import logging
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from tape.execution.values import EPOCH_MS_FROM
from tape.exporters.shapes import NavPoint
from tape.exporters.state_files import to_json, write_atomically
from tape.store.own_files import ForeignFile, set_aside

_LOG = logging.getLogger(__name__)
POINTS = 720
PEAK_STATE, NAV_LOG = "cache/peak_state.json", "nav_log.json"
Point = Mapping[str, Any]

_OWN_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_OWN_KEYS = frozenset(NavPoint.model_fields)
_EPOCH_US_FROM, _EPOCH_NS_FROM = EPOCH_MS_FROM * 1e3, EPOCH_MS_FROM * 1e6
_PEAKS_OF_THE_DAY, _TIMES_OF_PEAKS = ("peak_nav", "daily_peak"), ("peak_ts", "daily_ts")
"""Keys of later versions of the old runtimes, brought up to date where they are: a stale peak stops their trading."""


@dataclass(frozen=True)
class Day:
    """The account's day: ``name``, such as 2025-11-05, in the time zone in which the day's peak is reset."""

    name: str
    reset_timezone: str = "UTC"


def merged(kept: Iterable[Any], series: Iterable[Point]) -> list[Any]:
    """Merge the points of a log with those of nav.json, in the order of their times.

    Of Tape's points the latest of each minute stays, for POINTS minutes. A point of nav.json is left out if the log has
    a foreign point of the same minute that is as late. A point without a time stays after the point before it.
    """
    minutes: dict[str, Point] = {}
    foreign: list[tuple[float, Any]] = []
    latest_foreign: dict[int, float] = {}
    epoch_s = -math.inf
    for point in kept:
        if _is_own(point):
            _put(minutes, point)
            continue
        found = _epoch_s(point)
        # A point that does not say when it was keeps its place behind its neighbour.
        epoch_s = epoch_s if found is None else found
        foreign.append((epoch_s, point))
        if found is not None:
            latest_foreign[int(found // 60)] = max(found, latest_foreign.get(int(found // 60), found))
    for point in series:
        at = datetime.fromisoformat(point["t"]).timestamp()
        # An old runtime has logged this minute in its own words: once is enough.
        if latest_foreign.get(int(at // 60), -math.inf) < at - _SAME_S:
            _put(minutes, point)
    own = [(datetime.fromisoformat(minutes[each]["t"]).timestamp(), minutes[each]) for each in sorted(minutes)]
    return [point for _, point in sorted([*foreign, *own[-POINTS:]], key=lambda each: each[0])]


_SAME_S = 1e-5
"""Times this far apart are one: an epoch number and its text differ in the last digits."""


def _put(minutes: dict[str, Point], point: Point) -> None:
    minute = point["t"][:16]
    if minute not in minutes or minutes[minute]["t"] <= point["t"]:
        minutes[minute] = point


def _is_own(point: Any) -> bool:
    """Return whether a point has the shape in which Tape writes it."""
    return (
        isinstance(point, dict)
        and isinstance(point.get("t"), str)
        and _OWN_TIME.fullmatch(point["t"]) is not None
        and "equity" in point
        and point.keys() <= _OWN_KEYS
    )


def _epoch_s(point: Any) -> float | None:
    """Return the time of a foreign point: text, or an epoch in seconds, ms, us or ns, also as text; ``None``: none."""
    given = point.get("t", point.get("timestamp", point.get("ts"))) if isinstance(point, dict) else None
    try:
        number = float(given) if isinstance(given, (int, float, str)) and not isinstance(given, bool) else math.nan
    except (ValueError, OverflowError):
        return _from_text(str(given))
    if not math.isfinite(number):
        return None
    # The largest unit of digits first: a number of nanoseconds is beyond every other bound too.
    for start, per_s in ((_EPOCH_NS_FROM, 1e9), (_EPOCH_US_FROM, 1e6), (EPOCH_MS_FROM, 1e3)):
        if abs(number) >= start:
            return number / per_s
    return number


def _from_text(text: str) -> float | None:
    try:
        parsed = datetime.fromisoformat(text.strip().replace(",", "."))
    except ValueError:
        return None
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()


def peak_state(nav: Mapping[str, Any], known: Mapping[str, Any] | None, day: Day | None = None) -> dict[str, Any]:
    """Return the peak and how far the account is below it, USD and per cent, in both sets of keys.

    ``peak_equity`` is the highest equity on record and ``peak_t`` when it was first seen, null unknown; ``peak`` is the
    highest of the day. ``known`` is the present content of the file; its other keys stay.
    """
    known = known or {}
    highest, equity, below = nav["peak_equity"], nav["total_equity"], nav["drawdown_abs"] or 0.0
    points = [point["t"] for point in nav["series"] if point["equity"] == highest]
    is_known = known.get("peak_equity") == highest and known.get("peak_t") is not None
    day = day or Day(nav["updated_at"][:10])
    ts = nav["updated_ts"]
    return {
        # First, so that keys of others stay and those of this program are new.
        **known,
        **{key: equity + below for key in _PEAKS_OF_THE_DAY if key in known},
        **{key: ts for key in _TIMES_OF_PEAKS if key in known},
        "peak_equity": highest,
        "peak_t": known["peak_t"] if is_known else min(points, default=None),
        "equity": equity,
        "drawdown_pct": nav["drawdown_pct"],
        "drawdown_abs": nav["drawdown_abs"],
        "peak": equity + below,
        "dd_pct": nav["drawdown_pct"],
        "dd_abs": nav["drawdown_abs"],
        "nav": equity,
        "nav_usd": equity,
        "realized_pnl_today": nav.get("realized_pnl_today"),
        "day": day.name,
        "reset_timezone": day.reset_timezone,
        "ts": ts,
        "updated_at": nav["updated_at"],
        "updated_ts": ts,
    }


class NavCaches:
    """Both files of a logs folder, written by one process at a time."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._written: dict[Path, bytes] = {}
        self._account: Any = None

    def keep(self, raw: bytes, day: Day | None = None) -> None:
        """Update both files from a nav.json; without a newer tick they stay unchanged.

        Raises:
            ForeignFile: another program writes one of them meanwhile. The other file is updated all the same.
            OSError: a file cannot be written.
            ValueError, KeyError, TypeError: ``raw`` is not a nav.json.
        """
        nav = orjson.loads(raw)
        account = [nav[key] for key in _ACCOUNT], day
        if nav["total_equity"] is None or account == self._account:
            return
        left: ForeignFile | None = None
        files: tuple[tuple[str, type, Callable[[Any], bytes]], ...] = (
            (PEAK_STATE, dict, lambda there: to_json(peak_state(nav, there, day), indent=True)),
            (NAV_LOG, list, lambda there: to_json(merged(there or [], nav["series"]), indent=False)),
        )
        for name, kind, make in files:
            try:
                self._replace(self._logs / name, kind, make)
            except ForeignFile as error:
                left = left or error
        if left is not None:
            raise left
        # Only when both are kept: after a failure the next call tries again.
        self._account = account

    def _replace(self, path: Path, kind: type, make: Callable[[Any], bytes]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        while True:
            version, there = _version(path), _content(path)
            if there is not None and self._written.get(path, there) != there:
                raise ForeignFile(
                    path, "what another program writes meanwhile", "it is left alone until the next start"
                )
            document = None if there is None else _document(there, kind)
            content = make(document)
            # what another program has written since is read again rather than lost
            if _version(path) == version:
                break
        if there and document is None:
            _LOG.warning("%s: expected a JSON %s; it is kept as %s", path, kind.__name__, set_aside(self._logs, path))
        write_atomically(path, [content])
        self._written[path] = content


_ACCOUNT = ("series", "peak_equity", "total_equity", "drawdown_pct", "drawdown_abs")


def keep(logs: Path, raw: bytes, day: Day | None = None) -> None:
    """Update both files from nav.json, once."""
    NavCaches(logs).keep(raw, day)


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _version(path: Path) -> tuple[int, int, int] | None:
    try:
        stat = path.stat()
    except FileNotFoundError:
        return None
    return stat.st_ino, stat.st_mtime_ns, stat.st_size


def _document(raw: bytes, kind: type) -> Any:
    """Return the document in a file, ``None`` for other content; NaN is read too, as Python writes it."""
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, kind) else None
