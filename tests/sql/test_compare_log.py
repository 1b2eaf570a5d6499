"""compare_log: every shadow decision that is 120 s old, with its live side (semantics 10)."""

from datetime import timedelta

from tests.conftest import GivenRows, ago


def test_a_pair_is_logged_once_its_decision_is_120_seconds_old(store: GivenRows) -> None:
    for event_id, ts in [
        ("old", ago(days=400)),
        ("ripe", ago(seconds=120)),
        ("unripe", ago(seconds=120) + timedelta(microseconds=1)),
    ]:
        store.add("shadow_decisions", ts, event_id=event_id, symbol="BTCUSDT", is_allowed=True, is_heartbeat=False)
    attempt = store.add("order_attempts", ago(seconds=60), symbol="BTCUSDT", attempt_id="a")
    rows = store.rows("compare_log")
    assert [(row["event_id"], row["live_event_id"]) for row in rows] == [("old", None), ("ripe", attempt)]


def test_heartbeats_are_not_logged(store: GivenRows) -> None:
    store.add("shadow_decisions", ago(hours=1), symbol="BTCUSDT", is_heartbeat=True)
    assert store.rows("compare_log") == []
