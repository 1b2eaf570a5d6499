"""symbol_toggles_now: symbols that are switched off (semantics 9)."""

from datetime import timedelta

from tests.conftest import AS_OF, GivenRows, ago


def test_the_latest_row_of_a_symbol_counts_until_its_end(store: GivenRows) -> None:
    for symbol, minutes, is_disabled, until in [
        ("OFF", 5, True, None),
        ("ON_AGAIN", 5, True, None),
        ("ON_AGAIN", 4, False, None),
        ("OFF_AGAIN", 3, True, None),
        ("OFF_AGAIN", 4, False, None),
        ("ENDED", 5, True, AS_OF),
        ("ENDING", 5, True, AS_OF + timedelta(microseconds=1)),
        ("SHORTENED", 5, True, None),
        ("SHORTENED", 4, True, ago(minutes=3)),
    ]:
        store.add("symbol_toggles", ago(minutes=minutes), symbol=symbol, is_disabled=is_disabled, until_ts=until)
    assert {row["symbol"] for row in store.rows("symbol_toggles_now")} == {"OFF", "OFF_AGAIN", "ENDING"}


def test_a_toggle_tells_when_why_and_how_long(store: GivenRows) -> None:
    until = AS_OF + timedelta(hours=1)
    event_id = store.add(
        "symbol_toggles", ago(hours=1), symbol="BTCUSDT", is_disabled=True, until_ts=until, reason="guard"
    )
    assert store.one("symbol_toggles_now") == {
        "symbol": "BTCUSDT",
        "ts": ago(hours=1),
        "until_ts": until,
        "reason": "guard",
        "event_id": event_id,
    }


def test_of_two_toggles_at_one_instant_the_one_stored_last_counts(store: GivenRows) -> None:
    for symbol, states in (("OFF", (False, True)), ("ON", (True, False))):
        for is_disabled in states:
            store.add("symbol_toggles", ago(minutes=5), symbol=symbol, is_disabled=is_disabled)
    assert [row["symbol"] for row in store.rows("symbol_toggles_now")] == ["OFF"]


def test_a_toggle_of_the_instant_counts_and_one_behind_it_does_not(store: GivenRows) -> None:
    store.add("symbol_toggles", AS_OF, symbol="NOW", is_disabled=True)
    store.add("symbol_toggles", AS_OF + timedelta(microseconds=1), symbol="LATER", is_disabled=True)
    store.add("symbol_toggles", ago(minutes=1), symbol="TEST", is_disabled=True, is_test=True)
    assert [row["symbol"] for row in store.rows("symbol_toggles_now")] == ["NOW"]


def test_switched_off_symbols_are_listed_by_name(store: GivenRows) -> None:
    for symbol in ("B", "C", "A"):
        store.add("symbol_toggles", symbol=symbol, is_disabled=True)
    assert [row["symbol"] for row in store.rows("symbol_toggles_now")] == ["A", "B", "C"]
