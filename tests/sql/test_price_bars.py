"""price_bars: the last 500 price bars of each symbol, from marks, else from fills (semantics 3)."""

from datetime import timedelta

from tests.conftest import GivenRows, ago
from tests.sql.conftest import add_bars


def bars(store: GivenRows) -> list[tuple[str, int, float, float | None]]:
    rows = store.rows("from price_bars order by symbol, age")
    return [(row["symbol"], row["age"], row["price"], row["move"]) for row in rows]


def test_bars_are_minute_closes_and_the_oldest_has_no_move(store: GivenRows) -> None:
    add_bars(store, "BTCUSDT", [100.0, 103.0, 101.0])
    assert bars(store) == [("BTCUSDT", 1, 101.0, 2.0), ("BTCUSDT", 2, 103.0, 3.0), ("BTCUSDT", 3, 100.0, None)]


def test_without_marks_the_latest_fill_of_each_order_is_a_bar(store: GivenRows) -> None:
    store.add("order_fills", ago(minutes=9), symbol="BTCUSDT", order_id="1", avg_price=50.0)
    store.add("order_fills", ago(minutes=3), symbol="BTCUSDT", order_id="1", avg_price=60.0)
    store.add("order_fills", ago(minutes=5), symbol="BTCUSDT", order_id="2", avg_price=55.0)
    store.add("order_fills", ago(minutes=2), symbol="BTCUSDT", order_id="3", avg_price=0.0)
    assert bars(store) == [("BTCUSDT", 1, 60.0, 5.0), ("BTCUSDT", 2, 55.0, None)]


def test_an_order_without_a_quantity_is_no_bar(store: GivenRows) -> None:
    store.add("order_fills", ago(minutes=2), symbol="BTCUSDT", order_id="1", avg_price=100.0)
    store.add("order_fills", ago(minutes=1), symbol="BTCUSDT", order_id="2", avg_price=900.0, executed_qty=0.0)
    assert [row["price"] for row in store.rows("price_bars")] == [100.0]


def test_two_fills_in_the_same_minute_are_two_bars_in_their_order(store: GivenRows) -> None:
    store.add("order_fills", ago(minutes=3), symbol="BTCUSDT", order_id="1", avg_price=60.0)
    store.add("order_fills", ago(minutes=3), symbol="BTCUSDT", order_id="2", avg_price=61.0)
    assert bars(store) == [("BTCUSDT", 1, 61.0, 1.0), ("BTCUSDT", 2, 60.0, None)]


def test_one_mark_in_7_days_leaves_the_fills_out_and_an_older_one_does_not(store: GivenRows) -> None:
    for symbol in ("MARKED", "MARKED_LONG_AGO"):
        store.add("order_fills", ago(hours=1), symbol=symbol, order_id="1", avg_price=60.0)
    store.add("marks", ago(days=7) + timedelta(seconds=1), symbol="MARKED", mark_price=10.0)
    store.add("marks", ago(days=7), symbol="MARKED_LONG_AGO", mark_price=10.0)
    assert bars(store) == [("MARKED", 1, 10.0, None), ("MARKED_LONG_AGO", 1, 60.0, None)]


def test_at_most_500_bars_are_kept(store: GivenRows) -> None:
    add_bars(store, "BTCUSDT", [float(price) for price in range(1, 503)])
    found = bars(store)
    assert len(found) == 500
    assert found[-1] == ("BTCUSDT", 500, 3.0, 1.0)
