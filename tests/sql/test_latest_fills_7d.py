"""latest_fills_7d: orders whose latest fill lies in the last 7 days."""

from datetime import timedelta

from tests.conftest import AS_OF, GivenRows, ago


def test_orders_are_taken_by_their_latest_fill(store: GivenRows) -> None:
    store.add("order_fills", ago(days=7), symbol="BTCUSDT", order_id="edge", avg_price=1.0)
    store.add("order_fills", ago(days=7) + timedelta(microseconds=1), symbol="BTCUSDT", order_id="in", avg_price=2.0)
    store.add("order_fills", ago(days=8), symbol="BTCUSDT", order_id="across", avg_price=3.0)
    store.add("order_fills", AS_OF, symbol="BTCUSDT", order_id="across", avg_price=4.0)
    assert {row["order_id"]: row["avg_price"] for row in store.rows("latest_fills_7d")} == {"in": 2.0, "across": 4.0}


def test_of_two_rows_of_an_order_at_one_instant_the_one_stored_last_counts(store: GivenRows) -> None:
    for price in (1.0, 2.0):
        store.add("order_fills", ago(days=1), symbol="BTCUSDT", order_id="o", avg_price=price)
    store.add("order_fills", ago(days=1), symbol="ETHUSDT", order_id="o", avg_price=3.0)
    store.add("order_fills", ago(hours=1), symbol="BTCUSDT", order_id="o", avg_price=9.0, executed_qty=0.0)
    found = {row["symbol"]: row["avg_price"] for row in store.rows("latest_fills_7d")}
    assert found == {"BTCUSDT": 2.0, "ETHUSDT": 3.0}
