"""The caches of local dashboards: derived from nav.json, kept across restarts."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from tape.exporters.nav_caches import POINTS, keep, merged, peak_state

SECONDS = st.lists(st.integers(0, 86_399), max_size=30)


def point(second: int, equity: float = 1.0) -> dict[str, Any]:
    return {"t": f"2025-01-01T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}Z", "equity": equity}


def nav(*points: dict[str, Any], peak: float = 1.0) -> dict[str, Any]:
    state = {"series": list(points), "peak_equity": peak, "total_equity": points[-1]["equity"]}
    return state | {"drawdown_pct": 0.0, "drawdown_abs": 0.0, "updated_at": points[-1]["t"], "updated_ts": 1.0}


@given(SECONDS, SECONDS)
def test_the_log_grows_strictly_and_merging_again_changes_nothing(kept: list[int], series: list[int]) -> None:
    once = merged(map(point, kept), map(point, series))
    times = [each["t"] for each in once]
    assert all(earlier < later for earlier, later in pairwise(times))
    assert len({time[:16] for time in times}) == len(times)
    assert merged(once, map(point, series)) == once


def test_the_last_720_minutes_are_kept_over_restarts(tmp_path: Path) -> None:
    for first in range(0, 1000, 400):
        series = [point(60 * minute) for minute in range(first, first + 500)]
        keep(tmp_path, orjson.dumps(nav(*series)))
    log = orjson.loads((tmp_path / "nav_log.json").read_bytes())
    assert len(log) == POINTS
    assert log == [point(60 * minute) for minute in range(1300 - POINTS, 1300)]


def test_of_the_open_minute_the_latest_point_counts() -> None:
    assert merged([point(61, 1.0)], [point(61, 2.0), point(65, 3.0)]) == [point(65, 3.0)]
    assert merged([point(65, 3.0)], [point(61, 2.0)]) == [point(65, 3.0)]


def test_the_time_of_the_peak_outlives_the_series() -> None:
    first = peak_state(nav(point(60, 5.0), point(120, 4.0), peak=5.0), None)
    assert first["peak_t"] == point(60)["t"]
    later = nav(point(120, 4.0), point(180, 3.0), peak=5.0)
    assert peak_state(later, first)["peak_t"] == point(60)["t"]
    assert peak_state(later, None)["peak_t"] is None


def test_a_broken_cache_is_begun_again(tmp_path: Path) -> None:
    (tmp_path / "nav_log.json").write_bytes(b'[{"t":')
    keep(tmp_path, orjson.dumps(nav(point(60))))
    assert orjson.loads((tmp_path / "nav_log.json").read_bytes()) == [point(60)]
    assert orjson.loads((tmp_path / "cache" / "peak_state.json").read_bytes())["peak_equity"] == 1.0
