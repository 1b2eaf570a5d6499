"""compare_summary_document: pipeline_v6_compare_summary.json (semantics 10)."""

from tests.conftest import AS_OF, GivenRows
from tests.sql.conftest import document, record_flags

NAME = "pipeline_v6_compare_summary"


def decide(store: GivenRows) -> None:
    decision = {"intent": {"price": 100.0}, "size_decision": {"gross_usd": 90.0}}
    for attempt_id in ("a", "b"):
        store.add(
            "shadow_decisions",
            symbol="BTCUSDT",
            attempt_id=attempt_id,
            is_allowed=True,
            is_heartbeat=False,
            decision=decision,
        )
        store.add("order_attempts", symbol="BTCUSDT", attempt_id=attempt_id, qty=1.0, price_hint=100.0)
    store.add("vetoes", symbol="BTCUSDT", veto_reason="min_notional", attempt_id="b")


def test_the_comparison_is_told_with_its_warm_up(store: GivenRows) -> None:
    decide(store)
    assert document(store, NAME) == {
        "generated_ts": AS_OF.timestamp(),
        "sample_size": 2,
        "veto_mismatch_pct": 50.0,
        "size_diff_stats": {"mean": 10.0, "p50": 10.0, "p95": 10.0},
        "slippage_diff_bps": {"mean": None, "p50": None, "p95": None},
        "is_warmup": True,
        "warmup_reason": "sample_size_below_min",
        "min_sample_size": 200,
    }


def test_with_the_shadow_off_the_sample_is_empty(store: GivenRows) -> None:
    decide(store)
    record_flags(store, is_pipeline_shadow_on=False)
    found = document(store, NAME)
    assert (found["sample_size"], found["veto_mismatch_pct"], found["is_warmup"]) == (0, None, True)
    assert found["size_diff_stats"] == {"mean": None, "p50": None, "p95": None}
