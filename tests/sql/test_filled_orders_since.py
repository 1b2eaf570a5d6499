"""filled_orders_since: the last state of each order filled after an instant, and its fee in dollars."""

from typing import Any

import pytest

from tests.conftest import GivenRows, ago

ORDERS = "from filled_orders_since(timestamptz '2025-06-15 11:30:00+00') order by ts, ingest_seq"


def fill(store: GivenRows, minutes: float, order_id: str = "o1", **columns: Any) -> str:
    given = {"symbol": "BTCUSDT", "side": "BUY", "avg_price": 100.0, "fee_total": 0.1, "fee_asset": "USDT", **columns}
    return store.add("order_fills", ago(minutes=minutes), order_id=order_id, **given)


def test_of_several_rows_of_an_order_the_latest_counts(store: GivenRows) -> None:
    fill(store, 50, executed_qty=1.0, fee_total=0.1)
    fill(store, 40, executed_qty=3.0, fee_total=0.3, hostname="vps", pid=7)
    row = store.one(ORDERS)
    assert (row["executed_qty"], row["notional_usd"], row["fee_usd"], row["process"]) == (3.0, 300.0, 0.3, "vps:7")


def test_orders_filled_at_the_instant_or_before_are_left_out(store: GivenRows) -> None:
    fill(store, 60)
    fill(store, 61, "o2")
    fill(store, 59, "o3")
    assert [row["order_id"] for row in store.rows(ORDERS)] == ["o3"]


def test_an_order_that_ended_without_a_fill_is_none(store: GivenRows) -> None:
    fill(store, 50, executed_qty=0.0)
    assert store.rows(ORDERS) == []


@pytest.mark.parametrize(("asset", "fee_usd"), [("USDC", 0.1), (" busd ", 0.1), ("BTC", 10.0), ("BNB", None)])
def test_dollars_and_the_traded_asset_have_a_price(store: GivenRows, asset: str, fee_usd: float | None) -> None:
    fill(store, 50, fee_asset=asset)
    assert store.one(ORDERS)["fee_usd"] == fee_usd


def test_another_asset_has_the_mark_of_the_minute_before(store: GivenRows) -> None:
    store.add("marks", ago(minutes=50, seconds=61), symbol="BNBUSDT", mark_price=900.0)
    store.add("marks", ago(minutes=50, seconds=30), symbol="BNBUSDT", mark_price=600.0)
    store.add("marks", ago(minutes=50, seconds=-1), symbol="BNBUSDT", mark_price=1.0)
    fill(store, 50, fee_asset="BNB", fee_total=0.01)
    assert store.one(ORDERS)["fee_usd"] == pytest.approx(6.0)


def test_a_mark_older_than_a_minute_is_no_price(store: GivenRows) -> None:
    store.add("marks", ago(minutes=50, seconds=61), symbol="BNBUSDT", mark_price=900.0)
    fill(store, 50, fee_asset="BNB")
    assert store.one(ORDERS)["fee_usd"] is None


def test_the_first_dollar_that_has_a_mark_is_taken(store: GivenRows) -> None:
    store.add("marks", ago(minutes=50, seconds=5), symbol="BNBBUSD", mark_price=500.0)
    store.add("marks", ago(minutes=50, seconds=9), symbol="BNBUSDC", mark_price=600.0)
    fill(store, 50, fee_asset="BNB", fee_total=0.01)
    assert store.one(ORDERS)["fee_usd"] == pytest.approx(6.0)
