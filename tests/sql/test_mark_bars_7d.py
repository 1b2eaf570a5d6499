"""mark_bars_7d: one-minute closes of the mark price over 7 days (semantics 3)."""

from datetime import timedelta

from tests.conftest import AS_OF, GivenRows, ago


def test_the_close_of_a_minute_is_its_last_mark(store: GivenRows) -> None:
    minute = ago(minutes=5)
    store.add("marks", minute + timedelta(seconds=59.9), symbol="BTCUSDT", mark_price=103.0)
    store.add("marks", minute, symbol="BTCUSDT", mark_price=101.0)
    store.add("marks", minute + timedelta(seconds=60), symbol="BTCUSDT", mark_price=104.0)
    store.add("marks", minute + timedelta(seconds=60), symbol="BTCUSDT", mark_price=105.0)
    store.add("marks", minute, symbol="ETHUSDT", mark_price=7.0)
    found = {(row["symbol"], row["minute"]): row["close_price"] for row in store.rows("mark_bars_7d")}
    assert found == {
        ("BTCUSDT", minute): 103.0,
        ("BTCUSDT", minute + timedelta(minutes=1)): 105.0,
        ("ETHUSDT", minute): 7.0,
    }


def test_the_window_is_open_at_its_beginning_and_closed_at_its_end(store: GivenRows) -> None:
    store.add("marks", ago(days=7), symbol="EDGE", mark_price=1.0)
    store.add("marks", ago(days=7) + timedelta(microseconds=1), symbol="INSIDE", mark_price=1.0)
    store.add("marks", AS_OF, symbol="NOW", mark_price=1.0)
    assert {row["symbol"] for row in store.rows("mark_bars_7d")} == {"INSIDE", "NOW"}
