"""symbol_returns: Sharpe ratio of 7 days and edge of this hour of the day (semantics 3, 4)."""

from datetime import datetime
from math import sqrt

import pytest

from tests.conftest import GivenRows, ago


def close(store: GivenRows, pnl: float, price: float | None, ts: datetime | None = None) -> None:
    """A close of one unit, with its fill where a price is given."""
    event_id = store.close("BTCUSDT", pnl, ts, event_id=f"close {pnl} {price} {ts}", order_id=f"{pnl} {price} {ts}")
    if price is not None:
        order_id = event_id.removeprefix("close ")
        store.add("order_fills", ts, symbol="BTCUSDT", order_id=order_id, avg_price=price)


def test_sharpe_is_mean_over_sample_deviation_of_returns(store: GivenRows) -> None:
    for pnl in (10.0, -5.0, 4.0):
        close(store, pnl, 100.0)
    std = sqrt((0.07**2 + 0.08**2 + 0.01**2) / 2)  # returns 0.1, -0.05, 0.04 around 0.03
    assert store.one("symbol_returns")["sharpe_7d"] == pytest.approx(0.03 / std, rel=1e-9)


def test_a_single_return_has_no_sharpe(store: GivenRows) -> None:
    close(store, 10.0, 100.0)
    close(store, 99.0, None)
    assert store.one("symbol_returns")["sharpe_7d"] is None


def test_equal_returns_have_a_sharpe_of_zero(store: GivenRows) -> None:
    close(store, 10.0, 100.0)
    close(store, 20.0, 200.0)
    assert store.one("symbol_returns")["sharpe_7d"] == 0


def test_without_any_fill_there_is_no_row(store: GivenRows) -> None:
    close(store, 10.0, None)
    assert store.rows("symbol_returns") == []


def test_closes_of_7_days_count(store: GivenRows) -> None:
    close(store, 10.0, 100.0, ago(days=7))
    close(store, 10.0, 100.0, ago(days=6))
    close(store, 10.0, 100.0, ago(days=5))
    assert store.one("symbol_returns")["sharpe_7d"] == 0
    assert store.one("select count(*) as trades from trades_7d") == {"trades": 2}


def test_edge_is_pnl_over_notional_of_this_hour_of_the_day_on_all_days(store: GivenRows) -> None:
    close(store, 6.0, 100.0, ago(days=3))
    close(store, -2.0, 300.0, ago(minutes=20))
    close(store, 50.0, 100.0, ago(hours=1))
    close(store, 70.0, None, ago(minutes=10))
    assert store.one("symbol_returns")["hour_edge"] == pytest.approx(4 / 400, rel=1e-9)


def test_without_a_close_in_this_hour_of_the_day_the_edge_is_unknown(store: GivenRows) -> None:
    close(store, 6.0, 100.0, ago(hours=2))
    assert store.one("symbol_returns")["hour_edge"] is None


def test_a_negative_closed_quantity_counts_by_its_absolute_value(store: GivenRows) -> None:
    for order_id, pnl, quantity in [("1", 10.0, -1.0), ("2", -5.0, -1.0)]:
        store.close("BTCUSDT", pnl, order_id=order_id, closed_qty=quantity)
        store.add("order_fills", symbol="BTCUSDT", order_id=order_id, avg_price=100.0)
    row = store.one("symbol_returns")
    std = sqrt(2 * 0.075**2)  # returns 0.1 and -0.05 around 0.025
    assert row["sharpe_7d"] == pytest.approx(0.025 / std, rel=1e-9)
    assert row["hour_edge"] == pytest.approx(5 / 200, rel=1e-9)
