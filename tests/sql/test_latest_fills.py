"""latest_fills: of an order's cumulative rows the latest (semantics 13)."""

from tests.conftest import AS_OF, GivenRows, ago


def test_the_latest_row_of_an_order_counts_and_ties_go_to_the_later_arrival(store: GivenRows) -> None:
    store.add("order_fills", ago(days=400), symbol="BTCUSDT", order_id="1", executed_qty=3.0)
    store.add("order_fills", ago(days=401), symbol="BTCUSDT", order_id="1", executed_qty=1.0)
    store.add("order_fills", AS_OF, symbol="BTCUSDT", order_id="2", executed_qty=4.0)
    store.add("order_fills", AS_OF, symbol="BTCUSDT", order_id="2", executed_qty=5.0)
    store.add("order_fills", AS_OF, symbol="ETHUSDT", order_id="2", executed_qty=6.0)
    found = {(row["symbol"], row["order_id"]): row["executed_qty"] for row in store.rows("latest_fills")}
    assert found == {("BTCUSDT", "1"): 3.0, ("BTCUSDT", "2"): 5.0, ("ETHUSDT", "2"): 6.0}
