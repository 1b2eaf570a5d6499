"""risk_allocation_suggestions_document: risk_allocation_suggestions_v6.json (semantics 8)."""

from tests.conftest import GivenRows, ago
from tests.sql.conftest import document, record_flags

NAME = "risk_allocation_suggestions_v6"


def given(store: GivenRows) -> None:
    caps = {"max_nav_pct": 40, "max_trade_nav_pct": 0.1, "max_concurrent_positions": 3}
    store.universe({"symbol": "BTCUSDT", "caps": caps}, {"symbol": "ETHUSDT", "caps": caps})
    for symbol in ("BTCUSDT", "ETHUSDT"):
        store.add("order_metrics", symbol=symbol, ack_ms=10.0)
    store.add("ticks", ago(hours=1), equity_usd=1000.0)
    store.add("ticks", ago(seconds=30), equity_usd=940.0)


def test_weights_and_caps_come_with_the_state_of_the_account(store: GivenRows) -> None:
    given(store)
    found = document(store, NAME)
    assert (found["generated_ts"], found["lookback_days"]) == ("2025-06-15T12:30:00Z", 2.0)
    assert found["global"] == {"current_equity_usd": 940.0, "current_drawdown_pct": 6.0, "risk_mode": "cautious"}
    assert [row["symbol"] for row in found["symbols"]] == ["BTCUSDT", "ETHUSDT"]
    row = found["symbols"][0]
    assert row["expectancy"] == {"expectancy": None, "avg_return": None, "hit_rate": None, "regime": "balanced"}
    assert row["caps"] == {
        "current_max_nav_pct": 0.4,
        "current_max_trade_nav_pct": 0.1,
        "current_max_concurrent_positions": 3,
    }
    # share 0.5: 0.4 * 0.85 * 1.0 and 0.1 * 0.85 * 1.0
    assert row["suggested_caps"] == {"max_nav_pct": 0.34, "max_trade_nav_pct": 0.085, "max_concurrent_positions": 3}
    assert row["suggested_weight"] == 0.325
    assert row["rationale"]
    assert row["router_policy"]["current"]["bias_label"] == "balanced"


def test_with_the_allocator_off_there_is_no_symbol_but_the_account(store: GivenRows) -> None:
    given(store)
    record_flags(store, is_feedback_allocator_on=False)
    found = document(store, NAME)
    assert (found["symbols"], found["global"]["risk_mode"]) == ([], "cautious")


def test_intel_and_autotune_off_empty_no_allocation(store: GivenRows) -> None:
    given(store)
    record_flags(store, is_intel_on=False, is_router_autotune_on=False, is_risk_engine_on=False)
    assert len(document(store, NAME)["symbols"]) == 2
