"""open_mark_bars: the mark price bars of minutes that no roll-up holds yet."""

from tape.store.ingest.roll_ups import roll_up
from tests.conftest import GivenRows, ago


def test_a_bar_is_the_last_mark_of_its_minute(store: GivenRows) -> None:
    store.add("marks", ago(minutes=1, seconds=30), symbol="BTCUSDT", mark_price=12.0)
    store.add("marks", ago(minutes=1, seconds=20), symbol="BTCUSDT", mark_price=10.0)
    assert store.rows("open_mark_bars") == [{"symbol": "BTCUSDT", "minute": ago(minutes=2), "close_price": 10.0}]


def test_what_is_rolled_up_or_older_than_a_week_is_left_out(store: GivenRows) -> None:
    store.add("marks", ago(days=7), symbol="BTCUSDT", mark_price=1.0)
    assert store.rows("open_mark_bars") == []
    for minutes in (5, 1):
        store.add("marks", ago(minutes=minutes), symbol="BTCUSDT", mark_price=float(minutes))
    roll_up(store.connection, 0)
    assert [row["close_price"] for row in store.rows("open_mark_bars")] == [1.0]


def test_of_two_marks_at_one_instant_the_one_stored_last_counts(store: GivenRows) -> None:
    store.add("marks", ago(minutes=5), symbol="BTCUSDT", mark_price=105.0)
    store.add("marks", ago(minutes=5), symbol="BTCUSDT", mark_price=104.0)
    store.add("marks", ago(microseconds=-1), symbol="BTCUSDT", mark_price=1.0)
    assert [row["close_price"] for row in store.rows("open_mark_bars")] == [104.0]
