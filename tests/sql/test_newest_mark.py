"""newest_mark: the newest mark of any symbol (semantics: stopped inputs)."""

from datetime import timedelta

from tape.store.ingest.roll_ups import roll_up
from tests.conftest import AS_OF, GivenRows, ago


def test_the_newest_of_any_symbol_counts(store: GivenRows) -> None:
    store.add("marks", ago(minutes=3), symbol="BTCUSDT", mark_price=100.0)
    store.add("marks", ago(seconds=90), symbol="ETHUSDT", mark_price=10.0)
    store.add("marks", AS_OF + timedelta(microseconds=1), symbol="BTCUSDT", mark_price=101.0)
    assert store.one("newest_mark") == {"ts": ago(seconds=90)}


def test_a_mark_that_only_the_roll_up_still_holds_counts(store: GivenRows) -> None:
    store.add("marks", ago(days=40), symbol="BTCUSDT", mark_price=100.0)
    store.add("marks", ago(days=39), symbol="BTCUSDT", mark_price=101.0)
    roll_up(store.connection, 0)
    store.connection.execute("delete from marks")
    assert store.one("newest_mark") == {"ts": ago(days=40)}


def test_without_a_mark_it_is_unknown(store: GivenRows) -> None:
    assert store.one("newest_mark") == {"ts": None}
