"""router_policy_suggestions_document: router_policy_suggestions_v6.json (semantics 7)."""

import pytest

from tests.conftest import GivenRows
from tests.sql.conftest import document, record_flags

NAME = "router_policy_suggestions_v6"


def test_current_and_proposed_policy_come_with_their_inputs(store: GivenRows) -> None:
    store.universe("ETHUSDT")
    store.close("BTCUSDT", -3.0)
    store.add("order_metrics", symbol="BTCUSDT", ack_ms=10.0)
    found = document(store, NAME)
    assert (found["generated_ts"], found["lookback_days"]) == ("2025-06-15T12:30:00Z", 7.0)
    assert [row["symbol"] for row in found["symbols"]] == ["BTCUSDT", "ETHUSDT"]
    row = found["symbols"][0]
    assert (row["regime"], row["quality"], row["lookback_days"]) == ("balanced", "ok", 7.0)
    assert row["metrics"] == {
        "fill_rate": None,
        "fallback_rate": None,
        "slip_p50_bps": None,
        "slip_p95_bps": None,
        "latency_p50_ms": 10.0,
    }
    assert row["current_policy"] == {
        "maker_first": True,
        "taker_bias": 0.5,
        "bias_label": "balanced",
        "offset_bps": pytest.approx(1.8, rel=1e-9),
    }
    assert row["proposed_policy"] == {
        "maker_first": True,
        "taker_bias": pytest.approx(0.55, rel=1e-9),
        "bias_label": "balanced",
        "offset_bps": pytest.approx(2.3, rel=1e-9),
    }
    assert row["expectancy_inputs"]["expectancy"] == -3.0
    assert found["symbols"][1]["expectancy_inputs"] == {}
    assert found["symbols"][1]["score_inputs"] == {"score": pytest.approx(0.45, rel=1e-9)}


def test_with_router_autotune_off_there_is_no_suggestion(store: GivenRows) -> None:
    store.universe("BTCUSDT")
    record_flags(store, is_router_autotune_on=False)
    assert document(store, NAME)["symbols"] == []


def test_apply_and_intel_off_empty_no_suggestion(store: GivenRows) -> None:
    store.universe("BTCUSDT")
    record_flags(store, is_router_autotune_apply_on=False, is_intel_on=False)
    assert len(document(store, NAME)["symbols"]) == 1
