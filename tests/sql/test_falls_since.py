"""falls_since: how far the equity was below its peak, minute by minute."""

import pytest

from tests.conftest import GivenRows, ago

FALLS = "from falls_since(timestamptz '2025-06-15 11:30:00+00', cast(['vps:2'] as varchar[]))"


def test_each_minute_has_its_deepest_fall(store: GivenRows) -> None:
    for seconds, equity in ((0, 100.0), (10, 90.0), (20, 120.0), (30, 108.0)):
        store.add("ticks", ago(minutes=60, seconds=-seconds), equity_usd=equity)
    store.add("ticks", ago(minutes=50), equity_usd=114.0)
    store.add("ticks", ago(minutes=50, seconds=-5), equity_usd=60.0)
    store.add("ticks", ago(minutes=50, seconds=-9), equity_usd=60.0)
    store.add("ticks", ago(minutes=40), equity_usd=130.0)
    rows = store.rows(FALLS)
    assert [row["minute"] for row in rows] == [ago(minutes=60), ago(minutes=50), ago(minutes=40)]
    # 100 to 90 and 120 to 108 are 10 % both: the first counts; then 120 to 60; then a new peak
    assert [row["fall_pct"] for row in rows] == [pytest.approx(10.0), pytest.approx(50.0), 0.0]
    assert [row["trough_ts"] for row in rows][:2] == [ago(minutes=60, seconds=-10), ago(minutes=50, seconds=-5)]
    assert [(row["peak_usd"], row["trough_usd"]) for row in rows] == [(100.0, 90.0), (120.0, 60.0), (130.0, 130.0)]


def test_a_new_peak_and_a_fall_within_one_minute(store: GivenRows) -> None:
    store.add("ticks", ago(minutes=50), equity_usd=100.0)
    for seconds, equity in ((0, 95.0), (10, 200.0), (20, 150.0)):
        store.add("ticks", ago(minutes=40, seconds=-seconds), equity_usd=equity)
    assert [row["fall_pct"] for row in store.rows(FALLS)] == [0.0, pytest.approx(25.0)]


def test_ticks_before_the_instant_of_processes_apart_and_without_equity_are_left_out(store: GivenRows) -> None:
    store.add("ticks", ago(minutes=61), equity_usd=500.0)
    store.add("ticks", ago(minutes=50), equity_usd=900.0, hostname="vps", pid=2)
    store.add("ticks", ago(minutes=45), equity_usd=0.0)
    store.add("ticks", ago(minutes=40), equity_usd=100.0)
    assert [(row["peak_usd"], row["fall_pct"]) for row in store.rows(FALLS)] == [(100.0, 0.0)]
