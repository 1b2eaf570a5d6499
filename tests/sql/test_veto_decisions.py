"""veto_decisions: every veto that is seen, however old, twins merged (semantics 14)."""

from datetime import timedelta

from tests.conftest import GivenRows, ago


def test_old_twins_are_merged_too(store: GivenRows) -> None:
    for ts, side in [(ago(days=4000), "LONG"), (ago(days=4000) + timedelta(seconds=1), None), (ago(minutes=1), None)]:
        store.add("vetoes", ts, symbol="BTCUSDT", veto_reason="kill_switch_triggered", position_side=side)
    rows = store.rows("from veto_decisions order by ts")
    assert [(row["ts"], row["reason"]) for row in rows] == [
        (ago(days=4000), "kill_switch"),
        (ago(minutes=1), "kill_switch"),
    ]
