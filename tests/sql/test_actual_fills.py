"""actual_fills: rows of order_fills with a quantity (semantics 13)."""

from tests.conftest import GivenRows


def test_only_a_quantity_above_zero_is_a_fill(store: GivenRows) -> None:
    for order_id, quantity in [("none", 0.0), ("less", -1.0), ("unknown", None), ("tiny", 1e-12)]:
        store.add("order_fills", symbol="BTCUSDT", order_id=order_id, executed_qty=quantity)
    assert [row["order_id"] for row in store.rows("actual_fills")] == ["tiny"]
