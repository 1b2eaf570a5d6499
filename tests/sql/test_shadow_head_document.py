"""shadow_head_document: pipeline_v6_shadow_head.json (semantics 10)."""

from tests.conftest import AS_OF, GivenRows, ago
from tests.sql.conftest import document, record_flags

NAME = "pipeline_v6_shadow_head"
DECISION = {"symbol": "BTCUSDT", "risk_decision": {"allowed": True, "reasons": []}, "own": [1, None]}


def decide(store: GivenRows) -> None:
    store.add("shadow_decisions", ago(hours=2), symbol="BTCUSDT", is_heartbeat=False, is_allowed=False)
    store.add(
        "shadow_decisions", ago(hours=1), symbol="BTCUSDT", is_heartbeat=False, is_allowed=True, decision=DECISION
    )


def test_the_latest_decision_is_published_whole(store: GivenRows) -> None:
    decide(store)
    assert document(store, NAME) == {
        "total": 2,
        "allowed": 1,
        "vetoed": 1,
        "generated_ts": AS_OF.timestamp(),
        "last_decision": DECISION,
        "lookback_hours": 24.0,
        "stale_s": 3600.0,
        "stale_inputs": {"shadow": "2025-06-15T11:30:00Z"},
    }


def test_with_the_shadow_off_there_are_zeros_and_no_decision(store: GivenRows) -> None:
    decide(store)
    record_flags(store, is_pipeline_shadow_on=False)
    found = document(store, NAME)
    assert [found[name] for name in ("total", "allowed", "vetoed", "last_decision")] == [0, 0, 0, None]
