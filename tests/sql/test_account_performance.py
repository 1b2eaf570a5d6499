"""account_performance: where the change of NAV came from, and what a unit did.

Its parts are nav_points_37d, account_windows, account_spans, account_points, account_ticks, account_flows,
account_units, account_sharpe and transfers_37d.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from tape.store.ingest.roll_ups import roll_up
from tests.conftest import AS_OF, GivenRows, ago
from tests.sql.conftest import read


def tick(store: GivenRows, ts: datetime, equity_usd: float, **columns: Any) -> str:
    given = {"position_count": 0, **columns}
    return store.add("ticks", ts, equity_usd=equity_usd, **given)


def account(store: GivenRows, days: int = 1) -> dict[str, Any]:
    return next(row for row in read(store, "account_performance") if row["days"] == days)


@pytest.mark.parametrize("is_rolled_up", [True, False])
def test_what_moved_the_account_adds_up_to_its_change(store: GivenRows, is_rolled_up: bool) -> None:
    tick(store, ago(hours=25), 900.0)
    tick(store, ago(days=1, seconds=-20), 5000.0)
    tick(store, ago(days=1), 1000.0, unrealized_pnl_usd=7.0)
    tick(store, ago(minutes=1), 1125.5, unrealized_pnl_usd=2.0)
    store.close("BTCUSDT", 30.0, ago(hours=2))
    store.close("BTCUSDT", 500.0, ago(days=1))
    fill = {"symbol": "BTCUSDT", "side": "BUY", "order_id": "1", "avg_price": 100.0, "fee_asset": "USDT"}
    store.add("order_fills", ago(hours=3), fee_total=1.5, ts_fill_first=ago(hours=3), **fill)
    store.add("funding_payments", ago(hours=4), symbol="BTCUSDT", amount_usd=2.0)
    store.add("transfers", ago(hours=5), amount_usd=100.0, transfer_id="x")
    store.add("transfers", ago(hours=4), amount_usd=100.0, transfer_id="x")
    if is_rolled_up:
        roll_up(store.connection, -1)
    row = account(store)
    assert (row["is_partial"], row["from_ts"], row["nav_change_usd"]) == (False, ago(days=1), 125.5)
    assert (row["realized_usd"], row["fees_usd"], row["funding_usd"]) == (30.0, -1.5, 2.0)
    assert (row["transfers_usd"], row["unrealized_change_usd"]) == (100.0, -5.0)
    assert (row["explained_usd"], row["unexplained_usd"], row["unpriced_fees"]) == (125.5, 0.0, 0)
    assert account(store, 7)["is_partial"] is True
    assert account(store, 7)["start_equity_usd"] == 900.0


def test_a_unit_does_not_grow_by_a_deposit(store: GivenRows) -> None:
    tick(store, ago(minutes=9), 1000.0)
    tick(store, ago(minutes=8), 1200.0)
    tick(store, ago(minutes=7), 2100.0)
    tick(store, ago(minutes=6), 1050.0)
    store.add("transfers", ago(minutes=7), amount_usd=1000.0)
    row = account(store)
    # 1.2, then (2100 - 1000) / 1200, then half
    assert row["twr_pct"] == pytest.approx(100 * (1.2 * 1100 / 1200 / 2 - 1))
    assert row["unit_max_drawdown_pct"] == row["unit_drawdown_pct"] == pytest.approx(100 * (1.2 - 0.55) / 1.2)


def test_unrealised_pnl_of_the_positions_that_a_tick_lists(store: GivenRows) -> None:
    tick(store, ago(minutes=9), 1000.0)
    listed = tick(store, ago(minutes=8), 1005.0, position_count=2)
    own = {"tick_id": listed, "symbol": "BTCUSDT"}
    store.add("positions", ago(minutes=8), qty=-2.0, entry_price=100.0, mark_price=98.0, **own)
    assert account(store)["unrealized_change_usd"] is None
    store.add("positions", ago(minutes=8), qty=1.0, unrealized_pnl_usd=1.0, **own)
    row = account(store)
    assert (row["unrealized_change_usd"], row["unexplained_usd"]) == (5.0, 0.0)


def test_one_tick_is_no_account(store: GivenRows) -> None:
    tick(store, ago(minutes=9), 1000.0)
    row = account(store)
    assert {key for key, value in row.items() if value is not None} == {"days", "is_partial"}


def test_the_sharpe_ratio_leaves_out_hours_that_are_no_neighbours(store: GivenRows) -> None:
    start = AS_OF.replace(minute=5) - timedelta(hours=9)
    for hour, equity in [(0, 100.0), (1, 101.0), (2, 102.01), (5, 200.0), (6, 206.0)]:
        tick(store, start + timedelta(hours=hour), equity)
    found = account(store, 30)["sharpe"]
    assert (found["state"], found["hours"], found["psr"]) == ("insufficient", 3, None)
    assert found["mean"] == pytest.approx(0.05 / 3)
    assert found["sharpe_hourly"] == pytest.approx((0.05 / 3) / (0.0004 / 3) ** 0.5)
    assert account(store, 7)["sharpe"] is None
