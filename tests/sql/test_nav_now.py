"""nav_now: the account as of the session's instant (semantics 11)."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tape.store.ingest.roll_ups import roll_up
from tests.conftest import AS_OF, GivenRows, ago
from tests.sql.conftest import read_one


def nav(store: GivenRows) -> dict[str, Any]:
    return read_one(store, "nav_now")


def test_without_a_tick_the_account_is_unknown_but_closes_and_positions_count(store: GivenRows) -> None:
    store.close("BTCUSDT", 5.0)
    store.close("BTCUSDT", 7.0, ago(hours=13))
    store.add("positions", symbol="BTCUSDT", qty=1.0, entry_price=90.0, mark_price=100.0)
    row = nav(store)
    assert (row.pop("realized_pnl_today_usd"), row.pop("unrealized_pnl_usd")) == (5.0, 10.0)
    assert set(row.values()) == {None}


def test_without_a_tick_and_a_close_nothing_was_realized(store: GivenRows) -> None:
    row = nav(store)
    assert row.pop("realized_pnl_today_usd") == 0.0
    assert set(row.values()) == {None}


def test_an_empty_list_of_positions_is_an_unrealized_pnl_of_zero(store: GivenRows) -> None:
    store.add("ticks", ago(minutes=3), equity_usd=1000.0, position_count=0)
    store.add("ticks", ago(minutes=2), equity_usd=1000.0)
    assert nav(store)["unrealized_pnl_usd"] == 0.0
    store.add("ticks", ago(minutes=1), equity_usd=1000.0, event_id="t", position_count=1)
    store.add("positions", ago(minutes=1), tick_id="t", symbol="BTCUSDT", qty=1.0, entry_price=90.0)
    assert nav(store)["unrealized_pnl_usd"] is None


def test_drawdown_is_from_the_peak_of_the_day_and_the_record_is_kept(store: GivenRows) -> None:
    for before, equity in [
        ({"days": 3}, 2000.0),
        ({"hours": 12}, 1000.0),
        ({"hours": 6}, 1250.0),
        ({"hours": 1}, 1200.0),
    ]:
        store.add("ticks", ago(**before), equity_usd=equity)
    row = nav(store)
    assert (row["peak_equity_usd"], row["peak_today_usd"], row["day_equity_usd"]) == (2000.0, 1250.0, 1000.0)
    assert (row["equity_usd"], row["drawdown_usd"], row["drawdown_pct"]) == (1200.0, 50.0, 4.0)
    assert row["age_s"] == 3600.0


def test_the_peak_is_reset_at_midnight_of_the_reset_time_zone(store: GivenRows) -> None:
    store.limits(reset_timezone="America/New_York")
    store.add("ticks", datetime(2025, 6, 15, 3, 59, tzinfo=UTC), equity_usd=2000.0)
    store.add("ticks", datetime(2025, 6, 15, 4, 0, tzinfo=UTC), equity_usd=1000.0)
    store.add("ticks", ago(minutes=1), equity_usd=900.0)
    row = nav(store)
    assert (row["peak_today_usd"], row["drawdown_pct"], row["day_equity_usd"]) == (1000.0, 10.0, 1000.0)


def test_a_day_without_a_tick_starts_at_the_latest_equity(store: GivenRows) -> None:
    store.add("ticks", ago(days=2), equity_usd=1500.0)
    store.add("ticks", ago(days=1), equity_usd=1000.0)
    row = nav(store)
    assert (row["peak_equity_usd"], row["peak_today_usd"], row["drawdown_usd"], row["drawdown_pct"]) == (
        1500,
        1000,
        0,
        0,
    )
    assert row["day_equity_usd"] == 1000


@pytest.mark.parametrize("equity", [None, 0.0, -50.0])
def test_a_tick_without_a_positive_equity_moves_nothing(store: GivenRows, equity: float | None) -> None:
    store.add("ticks", ago(minutes=2), equity_usd=1000.0, unrealized_pnl_usd=3.0)
    store.add("ticks", ago(minutes=1), equity_usd=equity, unrealized_pnl_usd=99.0)
    row = nav(store)
    assert (row["ts"], row["equity_usd"], row["drawdown_pct"]) == (ago(minutes=2), 1000.0, 0.0)
    assert row["unrealized_pnl_usd"] == 3.0


def test_realized_pnl_is_the_sum_of_todays_closes_not_what_the_tick_reports(store: GivenRows) -> None:
    store.add("ticks", equity_usd=1000.0, realized_pnl_usd=77.0)
    store.close("BTCUSDT", 5.0, ago(hours=12))
    store.close("ETHUSDT", -2.0, ago(hours=1), fees_usd=1.0)
    store.close("BTCUSDT", 100.0, ago(hours=13))
    assert nav(store)["realized_pnl_today_usd"] == 3.0


def test_without_a_close_today_the_realized_pnl_is_a_true_zero(store: GivenRows) -> None:
    store.add("ticks", equity_usd=1000.0)
    assert nav(store)["realized_pnl_today_usd"] == 0.0


@pytest.mark.parametrize(
    ("reported", "marks", "expected"),
    [(7.0, [110.0], 7.0), (0.0, [110.0], 0.0), (None, [110.0, 95.0], 5.0), (None, [None], None), (None, [], None)],
)
def test_unrealized_pnl_is_the_ticks_then_the_positions_then_unknown(
    store: GivenRows, reported: float | None, marks: list[float | None], expected: float | None
) -> None:
    store.add("ticks", AS_OF, equity_usd=1000.0, unrealized_pnl_usd=reported)
    for number, mark in enumerate(marks):
        store.add("positions", symbol=f"S{number}", qty=1.0, entry_price=100.0, mark_price=mark)
    assert nav(store)["unrealized_pnl_usd"] == expected


@pytest.mark.parametrize("is_rolled_up", [False, True])
def test_the_peak_of_the_day_may_stand_in_its_first_minute(store: GivenRows, is_rolled_up: bool) -> None:
    midnight = datetime(2025, 6, 15, tzinfo=UTC)
    store.add("ticks", midnight - timedelta(seconds=1), equity_usd=9000.0)
    for seconds, equity in ((0, 1000.0), (30, 2000.0), (59, 1500.0), (60, 1600.0), (3600, 1800.0)):
        store.add("ticks", midnight + timedelta(seconds=seconds), equity_usd=equity)
    if is_rolled_up:
        roll_up(store.connection, 0)
    row = nav(store)
    assert (row["peak_equity_usd"], row["peak_today_usd"], row["day_equity_usd"]) == (9000.0, 2000.0, 1000.0)
    assert (row["drawdown_usd"], row["drawdown_pct"]) == (200.0, 10.0)


def test_the_day_of_the_account_spans_roll_up_and_open_minutes(store: GivenRows) -> None:
    store.add("ticks", ago(hours=3), equity_usd=1000.0)
    store.add("ticks", ago(hours=2), equity_usd=1400.0)
    store.add("ticks", ago(hours=1), equity_usd=1200.0)
    roll_up(store.connection, 0)
    store.add("ticks", ago(minutes=1), equity_usd=1600.0)
    store.add("ticks", ago(seconds=5), equity_usd=1200.0)
    row = nav(store)
    assert (row["peak_equity_usd"], row["peak_today_usd"], row["day_equity_usd"]) == (1600.0, 1600.0, 1000.0)
    assert (row["drawdown_usd"], row["drawdown_pct"], row["age_s"]) == (400.0, 25.0, 5.0)


def test_the_account_tells_nav_and_equity_apart(store: GivenRows) -> None:
    store.add("ticks", ago(minutes=2), equity_usd=1000.0, nav_usd=900.0)
    assert (nav(store)["equity_usd"], nav(store)["nav_usd"]) == (1000.0, 900.0)
    store.add("ticks", ago(minutes=1), equity_usd=1100.0)
    assert (nav(store)["equity_usd"], nav(store)["nav_usd"]) == (1100.0, 1100.0)
