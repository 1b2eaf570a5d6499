"""latest_fills_7d: orders whose latest fill lies in the last 7 days."""

from datetime import timedelta

from tests.conftest import AS_OF, GivenRows, ago


def test_orders_are_taken_by_their_latest_fill(store: GivenRows) -> None:
    store.add("order_fills", ago(days=7), symbol="BTCUSDT", order_id="edge", avg_price=1.0)
    store.add("order_fills", ago(days=7) + timedelta(microseconds=1), symbol="BTCUSDT", order_id="in", avg_price=2.0)
    store.add("order_fills", ago(days=8), symbol="BTCUSDT", order_id="across", avg_price=3.0)
    store.add("order_fills", AS_OF, symbol="BTCUSDT", order_id="across", avg_price=4.0)
    assert {row["order_id"]: row["avg_price"] for row in store.rows("latest_fills_7d")} == {"in": 2.0, "across": 4.0}
