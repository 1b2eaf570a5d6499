"""The trading day: it turns in the reset time zone, once, and a restart takes it up from what was published."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import inf, nan
from typing import Any

import pytest

from tape.execution.day import SERIES_POINTS, Day

NOON = datetime(2025, 11, 1, 12, tzinfo=UTC)


def nav(points: list[tuple[datetime, float]], **more: Any) -> dict[str, Any]:
    """A nav.json with these points."""
    series = [{"t": ts.isoformat(), "equity": equity} for ts, equity in points]
    return {"series": series, "total_equity": None, "drawdown_abs": None, "realized_pnl_today": None, **more}


def test_the_first_tick_of_a_day_begins_it_and_the_highest_is_its_peak() -> None:
    day = Day("UTC")
    for second, equity in enumerate((100.0, 130.0, 90.0)):
        day.see(NOON + timedelta(seconds=second), equity)
    assert (day.start_equity_usd, day.peak_equity_usd) == (100.0, 130.0)


@pytest.mark.parametrize("equity", [0.0, -1.0, nan, inf])
def test_a_tick_without_equity_moves_nothing(equity: float) -> None:
    day = Day("UTC")
    day.see(NOON, equity)
    assert (day.start_equity_usd, day.peak_equity_usd) == (None, None)


def test_the_day_turns_at_midnight_of_its_time_zone() -> None:
    day = Day("America/New_York")
    day.see(datetime(2025, 11, 2, 3, 59, tzinfo=UTC), 100.0)
    day.realize(datetime(2025, 11, 2, 3, 59, tzinfo=UTC), "BTCUSDT", -5.0)
    day.see(datetime(2025, 11, 2, 4, 0, tzinfo=UTC), 95.0)
    assert (day.start_equity_usd, day.peak_equity_usd, day.pnl_usd) == (95.0, 95.0, 0.0)


def test_what_is_heard_late_of_yesterday_neither_ends_today_nor_counts_in_it() -> None:
    day = Day("UTC")
    midnight = datetime(2025, 11, 2, tzinfo=UTC)
    day.see(midnight, 100.0)
    day.realize(midnight + timedelta(seconds=1), "ETHUSDT", -3.0)
    day.realize(midnight - timedelta(seconds=1), "BTCUSDT", -5.0)
    day.see(midnight - timedelta(seconds=1), 200.0)
    assert (day.start_equity_usd, day.peak_equity_usd) == (100.0, 100.0)
    assert day.pnl_by_symbol() == {"ETHUSDT": -3.0}


@pytest.mark.parametrize(
    ("zone", "now", "end"),
    [
        ("UTC", "2025-11-01T12:00Z", "2025-11-02T00:00Z"),
        ("Europe/Berlin", "2025-03-30T00:30+01:00", "2025-03-30T22:00Z"),  # 23 hours long
        ("Europe/Berlin", "2025-10-26T00:30+02:00", "2025-10-26T23:00Z"),  # 25 hours long
        ("America/Sao_Paulo", "2018-11-03T12:00-03:00", "2018-11-04T03:00Z"),  # 00:00 is skipped
        ("America/Havana", "2025-11-01T12:00-04:00", "2025-11-02T04:00Z"),  # 00:00 comes twice
        ("Pacific/Apia", "2011-12-29T12:00-10:00", "2011-12-30T10:00Z"),  # the next date does not exist
    ],
)
def test_a_day_ends_with_the_first_instant_of_the_next(zone: str, now: str, end: str) -> None:
    day, over = Day(zone), datetime.fromisoformat(end)
    assert day.end(datetime.fromisoformat(now)) == over
    day.see(over - timedelta(microseconds=1), 100.0)
    day.see(over, 50.0)
    assert day.start_equity_usd == 50.0


def test_a_restart_takes_up_the_day_from_the_published_nav() -> None:
    day = Day("UTC")
    points = [(NOON - timedelta(hours=hours), 100.0 - hours) for hours in (14, 11, 2)]
    day.resume(NOON, nav(points, total_equity=97.0, drawdown_abs=6.0, realized_pnl_today=-2.5))
    assert (day.start_equity_usd, day.peak_equity_usd, day.pnl_usd) == (89.0, 103.0, -2.5)
    day.see(NOON, 96.0)
    assert (day.start_equity_usd, day.peak_equity_usd) == (89.0, 103.0)


def test_where_the_series_is_full_of_today_the_peak_stands_for_the_start() -> None:
    """500 minutes are 8 h 20 min: in the evening the morning's losses would be forgotten."""
    day, evening = Day("UTC"), NOON + timedelta(hours=9)
    points = [(evening - timedelta(minutes=minutes), 97.0) for minutes in range(SERIES_POINTS, 0, -1)]
    day.resume(evening, nav(points, total_equity=97.0, drawdown_abs=3.0))
    assert (day.start_equity_usd, day.peak_equity_usd) == (100.0, 100.0)


@pytest.mark.parametrize(
    "document",
    [
        None,
        nav([]),
        nav([], total_equity=100.0, drawdown_abs=0.0),
        nav([(NOON - timedelta(days=1), 100.0)], total_equity=100.0, drawdown_abs=0.0, realized_pnl_today=5.0),
    ],
)
def test_without_a_tick_of_today_the_day_has_not_begun(document: dict[str, Any] | None) -> None:
    day = Day("UTC")
    day.resume(NOON, document)
    assert (day.start_equity_usd, day.peak_equity_usd, day.pnl_usd) == (None, None, 0.0)


def test_a_point_without_an_offset_is_utc() -> None:
    day = Day("Asia/Tokyo")
    day.resume(NOON, {**nav([]), "series": [{"t": "2025-11-01T14:59:00", "equity": 1.0}]})
    assert day.start_equity_usd == 1.0


@pytest.mark.parametrize("document", [{}, {"series": [{"t": NOON.isoformat(), "equity": 1.0}]}, {"series": [1]}])
def test_of_a_document_of_another_shape_nothing_is_taken_up(document: dict[str, Any]) -> None:
    day = Day("UTC")
    with pytest.raises((LookupError, TypeError, ValueError)):
        day.resume(NOON, document)
    assert (day.start_equity_usd, day.peak_equity_usd) == (None, None)


def test_losses_of_symbols_are_taken_up_from_their_drawdowns_of_today() -> None:
    day = Day("UTC")
    day.resume(NOON, nav([(NOON, 10_000.0)]))
    day.resume_losses(NOON - timedelta(days=1), {"BTCUSDT": -2.0})
    assert day.pnl_by_symbol() == {}
    day.resume_losses(NOON, {"BTCUSDT": -0.5, "ETHUSDT": 0.0})
    day.realize(NOON, "BTCUSDT", -10.0)
    assert day.pnl_by_symbol() == {"BTCUSDT": -60.0}
