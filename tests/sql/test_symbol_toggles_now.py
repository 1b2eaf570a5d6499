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
