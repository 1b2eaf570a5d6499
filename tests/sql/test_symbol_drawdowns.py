"""symbol_drawdowns: drawdown of the day per symbol in per cent of equity (semantics 9)."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from tests.conftest import GivenRows, ago
from tests.sql.conftest import by_symbol


def drawdown(store: GivenRows) -> float | None:
    found: float | None = by_symbol(store, "symbol_drawdowns")["BTCUSDT"]["dd_today_pct"]
    return found


def close_in_order(store: GivenRows, pnls: Sequence[float]) -> None:
    for position, pnl in enumerate(pnls):
        store.close("BTCUSDT", pnl, ago(hours=1, seconds=-position))


@pytest.fixture
def funded(store: GivenRows) -> GivenRows:
    """A store with BTCUSDT enabled and an equity of 1000 at the beginning of the day, 500 now."""
    store.universe("BTCUSDT")
    store.add("ticks", ago(hours=12), equity_usd=1000.0)
    store.add("ticks", ago(minutes=1), equity_usd=500.0)
    return store


@pytest.mark.parametrize(
    ("pnls", "unrealized", "expected"),
    [
        ([20.0, -50.0, 10.0], 0.0, -4.0),  # 20, -30, -20: 40 below the peak of 20
        ([20.0, -50.0, 10.0], 5.0, -3.5),
        ([20.0, -50.0, 10.0], -5.0, -4.5),
        ([20.0, -50.0, 10.0], 90.0, 0.0),  # now is the peak
        ([-10.0], 0.0, -1.0),  # the peak is not below 0
        ([10.0], 0.0, 0.0),
        ([], -30.0, -3.0),
        ([], 30.0, 0.0),
        ([], 0.0, 0.0),
    ],
)
def test_drawdown_is_from_the_peak_of_realised_pnl_to_now_with_what_is_unrealised(
    funded: GivenRows, pnls: list[float], unrealized: float, expected: float
) -> None:
    close_in_order(funded, pnls)
    funded.add("positions", symbol="BTCUSDT", qty=1.0, entry_price=100.0, mark_price=100.0 + unrealized)
    assert drawdown(funded) == pytest.approx(expected, rel=1e-9)


def test_closes_before_the_day_do_not_count(funded: GivenRows) -> None:
    funded.close("BTCUSDT", -500.0, ago(hours=13))
    assert drawdown(funded) == 0


def test_the_day_begins_in_the_reset_time_zone(funded: GivenRows) -> None:
    funded.limits(reset_timezone="America/New_York")
    funded.close("BTCUSDT", -500.0, datetime(2025, 6, 15, 3, 59, tzinfo=UTC))
    funded.close("BTCUSDT", -5.0, datetime(2025, 6, 15, 4, 0, tzinfo=UTC))
    assert drawdown(funded) == pytest.approx(100 * -5 / 500, rel=1e-9)  # the first tick of that day has 500


def test_without_a_tick_today_the_latest_equity_before_is_taken(store: GivenRows) -> None:
    store.add("ticks", ago(days=2), equity_usd=400.0)
    store.add("ticks", ago(days=1), equity_usd=200.0)
    close_in_order(store, [-10.0])
    assert drawdown(store) == pytest.approx(-5.0, rel=1e-9)


def test_activity_without_any_equity_is_unknown_and_no_activity_is_zero(store: GivenRows) -> None:
    store.universe("BTCUSDT", "ETHUSDT")
    close_in_order(store, [-10.0])
    found = {symbol: row["dd_today_pct"] for symbol, row in by_symbol(store, "symbol_drawdowns").items()}
    assert found == {"BTCUSDT": None, "ETHUSDT": 0}


def test_a_position_without_a_mark_is_no_activity(funded: GivenRows) -> None:
    funded.add("positions", symbol="BTCUSDT", qty=1.0, entry_price=100.0)
    assert drawdown(funded) == 0


def test_both_sides_of_a_symbol_are_summed(funded: GivenRows) -> None:
    for qty, mark in [(1.0, 70.0), (-1.0, 90.0)]:
        funded.add("positions", symbol="BTCUSDT", qty=qty, entry_price=100.0, mark_price=mark)
    assert drawdown(funded) == pytest.approx(100 * (-30 + 10) / 1000, rel=1e-9)


def test_open_positions_whose_pnl_is_unknown_are_counted(funded: GivenRows) -> None:
    funded.add("positions", symbol="BTCUSDT", qty=1.0, entry_price=90.0)
    funded.close("BTCUSDT", -10.0)
    row = by_symbol(funded, "symbol_drawdowns")["BTCUSDT"]
    assert (row["dd_today_pct"], row["unmarked_positions"]) == (-1.0, 1)
