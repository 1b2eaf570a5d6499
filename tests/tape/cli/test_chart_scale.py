"""Axes: round numbers and round instants, as many as there is room for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tape.cli.chart_scale import number_label, number_ticks, time_ticks

AT = datetime(2025, 10, 31, 10, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0, 10, [0, 2, 4, 6, 8, 10]),
        (-2.7, 0, [-2, -1, 0]),
        (0.11, 0.29, [0.15, 0.2, 0.25]),
        (9990, 10_010, [9990, 9995, 10_000, 10_005, 10_010]),
        (5, 5, [5]),
    ],
)
def test_numbers_are_round(low: float, high: float, ticks: list[float]) -> None:
    assert number_ticks(low, high, 5 if high != 0 else 3) == pytest.approx(ticks)


@given(st.floats(-1e9, 1e9), st.floats(1e-6, 1e9), st.integers(2, 10))
def test_numbers_lie_within_and_are_about_as_many(low: float, length: float, about: int) -> None:
    ticks = number_ticks(low, low + length, about)
    slack = 1e-6 * max(abs(low), length)
    assert all(low - slack <= tick <= low + length + slack for tick in ticks)
    assert len(ticks) <= about + 1


def test_labels_tell_neighbours_apart() -> None:
    ticks = [9_999.5, 10_000.0, 10_000.5]
    assert [number_label(tick, ticks) for tick in ticks] == ["9,999.5", "10,000.0", "10,000.5"]
    assert number_label(-0.0, [-1.0, -0.0]) == "0"


def test_instants_are_round_in_their_zone() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    assert [label for _, label in time_ticks(AT, AT + timedelta(hours=10), 6, UTC)] == [
        "12:00",
        "14:00",
        "16:00",
        "18:00",
        "20:00",
    ]
    assert time_ticks(AT, AT + timedelta(days=9), 5, berlin)[0][1] == "11-02"
    assert [label for _, label in time_ticks(AT, AT + timedelta(seconds=20), 4, UTC)][:2] == ["10:07:00", "10:07:05"]
    assert time_ticks(AT, AT + timedelta(days=900), 5, UTC)[0][1].count("-") == 2


@given(st.integers(1, 10**9), st.integers(2, 10))
def test_instants_lie_within_and_are_no_more(seconds: int, about: int) -> None:
    last = AT + timedelta(seconds=min(seconds, 5 * 365 * 86_400))
    ticks = time_ticks(AT, last, about, UTC)
    assert all(AT <= at <= last for at, _ in ticks)
    assert len(ticks) <= about + 1
