"""executed_orders_24h: orders with a fill in 24 h, one row per (symbol, order_id)."""

from tests.conftest import AS_OF, GivenRows, ago


def test_an_order_counts_once_by_symbol_and_id_and_by_its_fills_in_the_window(store: GivenRows) -> None:
    for ts, symbol, order_id in [
        (ago(hours=24), "BTCUSDT", "1"),
        (ago(hours=23), "BTCUSDT", "2"),
        (ago(hours=22), "BTCUSDT", "2"),
        (AS_OF, "ETHUSDT", "2"),
        (ago(hours=25), "SOLUSDT", "3"),
        (ago(hours=1), "SOLUSDT", "3"),
    ]:
        store.add("order_fills", ts, symbol=symbol, order_id=order_id)
    found = {(row["symbol"], row["order_id"]) for row in store.rows("executed_orders_24h")}
    assert found == {("BTCUSDT", "2"), ("ETHUSDT", "2"), ("SOLUSDT", "3")}
