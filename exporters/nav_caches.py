"""What local dashboards read of the account's past: ``logs/cache/peak_state.json`` and ``logs/nav_log.json``.

Both derive from nav.json. The NAV log outlives the file's series: its last POINTS minutes, one point each, ``t``
strictly growing, across restarts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson

from tape.exporters.state_files import to_json, write_atomically

POINTS = 720
Point = Mapping[str, Any]


def merged(kept: Iterable[Point], series: Iterable[Point]) -> list[Point]:
    """The last POINTS minutes; of a minute the latest point counts, of equal ones the new one."""
    minutes: dict[str, Point] = {}
    for point in [*kept, *series]:
        minute = point["t"][:16]
        if minute not in minutes or minutes[minute]["t"] <= point["t"]:
            minutes[minute] = point
    return [minutes[minute] for minute in sorted(minutes)][-POINTS:]


def peak_state(nav: Mapping[str, Any], known: Mapping[str, Any] | None) -> dict[str, Any]:
    """The peak and how far the account is below it, USD and per cent; ``peak_t``: when it was first seen, null unknown.

    nav.json's own peak counts, which is never lower than one that it said before unless its rows have changed.
    """
    peak = nav["peak_equity"]
    points = [point["t"] for point in nav["series"] if point["equity"] == peak]
    is_known = known is not None and known.get("peak_equity") == peak and known.get("peak_t") is not None
    return {
        "peak_equity": peak,
        "peak_t": known["peak_t"] if known is not None and is_known else min(points, default=None),
        "equity": nav["total_equity"],
        "drawdown_pct": nav["drawdown_pct"],
        "drawdown_abs": nav["drawdown_abs"],
        "updated_at": nav["updated_at"],
        "updated_ts": nav["updated_ts"],
    }


def keep(logs: Path, raw: bytes) -> None:
    """Brings both files up to what nav.json says; a cache that cannot be read is begun again.

    Raises:
        OSError: a file cannot be written.
        ValueError, KeyError, TypeError: nav.json is none.
    """
    nav = orjson.loads(raw)
    peak_path, log_path = logs / "cache" / "peak_state.json", logs / "nav_log.json"
    peak_path.parent.mkdir(parents=True, exist_ok=True)
    known, kept = _read(peak_path), _read(log_path)
    points = [point for point in kept if _is_point(point)] if isinstance(kept, list) else []
    write_atomically(peak_path, [to_json(peak_state(nav, known if isinstance(known, dict) else None), indent=True)])
    write_atomically(log_path, [to_json(merged(points, nav["series"]), indent=False)])


def _is_point(point: object) -> bool:
    return isinstance(point, dict) and isinstance(point.get("t"), str)


def _read(path: Path) -> Any:
    try:
        return orjson.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
