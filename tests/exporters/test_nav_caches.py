"""The caches of local dashboards and old runtimes: derived from nav.json, carried over, kept across restarts."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tape.exporters.nav_caches import POINTS, Day, NavCaches, keep, merged, peak_state
from tape.store.own_files import ForeignFile

SECONDS = st.lists(st.integers(0, 86_399), max_size=30)
NOON_S = 1735732800
"""2025-01-01T12:00:00Z."""


def point(second: int, equity: float = 1.0) -> dict[str, Any]:
    return {"t": f"2025-01-01T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}Z", "equity": equity}


def nav(*points: dict[str, Any], peak: float = 1.0, below: float = 0.0) -> dict[str, Any]:
    state = {"series": list(points), "peak_equity": peak, "total_equity": points[-1]["equity"]}
    known = {"drawdown_pct": 2.5 if below else 0.0, "drawdown_abs": below, "realized_pnl_today": -3.0}
    return state | known | {"updated_at": points[-1]["t"], "updated_ts": 1.0}


def log_of(logs: Path) -> Any:
    return json.loads((logs / "nav_log.json").read_bytes())


def peak_of(logs: Path) -> Any:
    return json.loads((logs / "cache" / "peak_state.json").read_bytes())


def write(path: Path, content: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


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
    assert log_of(tmp_path) == [point(60 * minute) for minute in range(1300 - POINTS, 1300)]


def test_of_the_open_minute_the_latest_point_counts() -> None:
    assert merged([point(61, 1.0)], [point(61, 2.0), point(65, 3.0)]) == [point(65, 3.0)]
    assert merged([point(65, 3.0)], [point(61, 2.0)]) == [point(65, 3.0)]
    assert merged([point(65, 3.0)], [point(65, 4.0)]) == [point(65, 4.0)], "of two at one instant, that of nav.json"


@pytest.mark.parametrize(
    "time_of",
    [
        lambda s: s,
        lambda s: s + 0.4011302,
        lambda s: s * 1000,
        lambda s: s * 1000.0,
        lambda s: s * 1_000_000,
        lambda s: s * 1_000_000_000,
        str,
        lambda s: f"{s}.25",
        lambda s: str(s * 1000),
        lambda s: point(s - NOON_S + 12 * 3600)["t"].replace("Z", "+00:00"),
        lambda s: point(s - NOON_S + 12 * 3600)["t"].replace("Z", ""),
        lambda s: point(s - NOON_S + 12 * 3600)["t"].replace("Z", ",123").replace("T", " "),
    ],
)
def test_every_point_of_an_old_runtime_stays_whatever_form_its_time_has(tmp_path: Path, time_of: Any) -> None:
    # 720 points, 30 s apart, that end before the new one
    old = [{"t": time_of(NOON_S - 30 * (720 - at)), "nav": 1000.0 + at, "unrealized_pnl": -at} for at in range(720)]
    write(tmp_path / "nav_log.json", old)
    new = point(12 * 3600 + 90, 7.0)
    keep(tmp_path, orjson.dumps(nav(new)))
    assert log_of(tmp_path) == [*old, new]
    keep(tmp_path, orjson.dumps(nav(new, later := point(12 * 3600 + 150, 8.0))))
    assert log_of(tmp_path) == [*old, new, later]


def test_points_stand_in_the_order_of_their_times_and_one_that_says_none_stays_behind_its_neighbour() -> None:
    foreign = [{"t": NOON_S}, {"note": "no time"}, "no object", None, {"t": NOON_S + 600}, {"t": True}, {"t": [1]}]
    between = point(12 * 3600 + 300)
    assert merged(foreign, [between]) == [*foreign[:4], between, *foreign[4:]]


def test_a_minute_that_the_log_has_from_elsewhere_is_not_told_twice() -> None:
    foreign = {"t": NOON_S + 30.5, "nav": 5.0}
    assert merged([foreign], [point(12 * 3600 + 30), point(12 * 3600 + 61)]) == [foreign, point(12 * 3600 + 61)]
    later = point(12 * 3600 + 31)
    assert merged([foreign], [later]) == [foreign, later]


def test_the_time_of_the_peak_outlives_the_series() -> None:
    first = peak_state(nav(point(60, 5.0), point(120, 4.0), peak=5.0), None)
    assert first["peak_t"] == point(60)["t"]
    later = nav(point(120, 4.0), point(180, 3.0), peak=5.0)
    assert peak_state(later, first)["peak_t"] == point(60)["t"]
    assert peak_state(later, None)["peak_t"] is None


def test_both_sets_of_keys_are_written_and_keys_of_others_stay(tmp_path: Path) -> None:
    old = {"day": "2024-12-31", "peak": 900.0, "nav": 880.0, "dd_pct": 2.2, "ts": 5.0, "note": "by hand", "stale": None}
    write(tmp_path / "cache" / "peak_state.json", old)
    # the highest ever is 120; of today 80; equity is 78
    keep(tmp_path, orjson.dumps(nav(point(60, 78.0), peak=120.0, below=2.0)), Day("2025-01-02", "Asia/Tokyo"))
    assert peak_of(tmp_path) == {
        "peak_equity": 120.0,
        "peak_t": None,
        "equity": 78.0,
        "drawdown_pct": 2.5,
        "drawdown_abs": 2.0,
        "updated_at": "2025-01-01T00:01:00Z",
        "updated_ts": 1.0,
        "peak": 80.0,
        "dd_pct": 2.5,
        "dd_abs": 2.0,
        "nav": 78.0,
        "nav_usd": 78.0,
        "realized_pnl_today": -3.0,
        "day": "2025-01-02",
        "reset_timezone": "Asia/Tokyo",
        "ts": 1.0,
        "note": "by hand",
        "stale": None,
    }


def test_peaks_of_the_day_under_their_other_names_are_brought_up_to_date_where_they_are() -> None:
    found = peak_state(nav(point(60, 78.0), peak=120.0, below=2.0), {"daily_peak": 900.0, "peak_ts": 5.0})
    assert (found["daily_peak"], found["peak_ts"]) == (80.0, 1.0)
    assert not found.keys() & {"peak_nav", "daily_ts"}


def test_without_an_equity_an_old_peak_is_left_as_it_is(tmp_path: Path) -> None:
    before = write(tmp_path / "cache" / "peak_state.json", {"peak": 900.0, "nav": 880.0}).read_bytes()
    empty = nav(point(60)) | {"series": [], "total_equity": None, "peak_equity": None, "drawdown_abs": None}
    keep(tmp_path, orjson.dumps(empty))
    assert (tmp_path / "cache" / "peak_state.json").read_bytes() == before
    assert not (tmp_path / "nav_log.json").exists()


@pytest.mark.parametrize("content", ['[{"t":', '{"series": []}', "\x00" * 64, "nothing"])
def test_a_log_that_is_none_is_kept_aside_and_begun_again(tmp_path: Path, content: str) -> None:
    write(tmp_path / "nav_log.json", content)
    keep(tmp_path, orjson.dumps(nav(point(60))))
    assert log_of(tmp_path) == [point(60)]
    assert peak_of(tmp_path)["peak_equity"] == 1.0
    assert [path.read_text() for path in (tmp_path / "taken-over").iterdir()] == [content]


def test_numbers_as_python_writes_them_are_read(tmp_path: Path) -> None:
    write(tmp_path / "nav_log.json", '[{"t": 1, "nav": NaN}, {"t": 2, "seq": 123456789012345678901234567890}]')
    keep(tmp_path, orjson.dumps(nav(point(60))))
    assert log_of(tmp_path) == [{"t": 1, "nav": None}, {"t": 2, "seq": 123456789012345678901234567890}, point(60)]


def test_a_file_that_another_program_writes_meanwhile_is_left_to_it(tmp_path: Path) -> None:
    caches = NavCaches(tmp_path)
    caches.keep(orjson.dumps(nav(point(60))))
    theirs = write(tmp_path / "cache" / "peak_state.json", {"peak": 900.0, "nav": 880.0}).read_bytes()
    for second in (120, 180):
        with pytest.raises(ForeignFile, match=r"peak_state\.json: expected what Tape wrote there last"):
            caches.keep(orjson.dumps(nav(point(second))))
        assert (tmp_path / "cache" / "peak_state.json").read_bytes() == theirs
    assert log_of(tmp_path) == [point(60), point(120), point(180)]
    NavCaches(tmp_path).keep(orjson.dumps(nav(point(180))))
    assert peak_of(tmp_path)["peak"] == 1.0


def test_a_nav_without_a_new_tick_leaves_the_files_their_age(tmp_path: Path) -> None:
    caches = NavCaches(tmp_path)
    caches.keep(orjson.dumps(nav(point(60))))
    before = (tmp_path / "cache" / "peak_state.json").stat().st_mtime_ns
    caches.keep(orjson.dumps(nav(point(60)) | {"updated_ts": 61.0}))
    assert (tmp_path / "cache" / "peak_state.json").stat().st_mtime_ns == before
