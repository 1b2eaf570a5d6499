"""listing_tick: the newest tick that lists positions (semantics 11)."""

from datetime import timedelta

from tests.conftest import AS_OF, GivenRows, ago


def test_the_newest_tick_that_lists_positions_counts_also_when_it_lists_none(store: GivenRows) -> None:
    store.add("ticks", ago(minutes=3), event_id="older", position_count=2)
    store.add("ticks", ago(minutes=2), event_id="newest", position_count=0)
    store.add("ticks", ago(minutes=1), event_id="lists nothing")
    assert store.one("listing_tick") == {"event_id": "newest", "ts": ago(minutes=2), "position_count": 0}


def test_of_two_at_one_instant_the_one_stored_last_counts(store: GivenRows) -> None:
    store.add("ticks", AS_OF, event_id="first", position_count=1)
    store.add("ticks", AS_OF, event_id="second", position_count=1)
    assert store.one("listing_tick")["event_id"] == "second"


def test_it_is_found_however_long_ago_it_was(store: GivenRows) -> None:
    store.add("ticks", ago(days=400), event_id="old", position_count=1)
    store.add("ticks", ago(days=1), event_id="a day ago", position_count=1)
    assert store.one("listing_tick")["event_id"] == "a day ago"
    store.add("ticks", ago(days=1) + timedelta(microseconds=1), event_id="within a day", position_count=1)
    assert store.one("listing_tick")["event_id"] == "within a day"


def test_what_the_session_does_not_see_does_not_count(store: GivenRows) -> None:
    store.add("ticks", AS_OF + timedelta(microseconds=1), event_id="future", position_count=1)
    store.add("ticks", ago(minutes=1), event_id="test", position_count=1, is_test=True)
    assert store.rows("listing_tick") == []
    store.add("ticks", ago(minutes=2), event_id="seen", position_count=1)
    assert store.one("listing_tick")["event_id"] == "seen"
    assert store.rows("listing_tick", known_seq=2) == []
