"""closed_trades: every close that is seen, however old (semantics 1)."""

from tests.conftest import GivenRows, ago


def test_old_closes_and_closes_at_zero_are_trades(store: GivenRows) -> None:
    store.close("BTCUSDT", 0.0, ago(days=4000), order_id="1")
    store.close("BTCUSDT", 2.0, ago(minutes=1))
    store.close("BTCUSDT", 3.0, ago(minutes=-1))
    store.add("order_fills", ago(days=4000), symbol="BTCUSDT", order_id="1", avg_price=50.0)
    found = {row["realized_pnl_usd"]: row["notional_usd"] for row in store.rows("closed_trades")}
    assert found == {0.0: 50.0, 2.0: None}
