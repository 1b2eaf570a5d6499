"""risk_snapshot_document: risk_snapshot.json (semantics 9)."""

import pytest

from tests.conftest import AS_OF, GivenRows, ago
from tests.sql.conftest import add_bars, document


def test_router_risk_volatility_and_sizing_of_a_symbol(store: GivenRows) -> None:
    store.add("ticks", ago(hours=1), equity_usd=1000.0)
    store.close("BTCUSDT", -20.0)
    store.add("symbol_toggles", ago(hours=1), symbol="BTCUSDT", is_disabled=True)
    for slippage in (4.0, 8.0):
        store.add("order_metrics", symbol="BTCUSDT", is_maker_final=True, slippage_bps=slippage)
    add_bars(store, "BTCUSDT", [100.0, 101.0, 99.0])
    found = document(store, "risk_snapshot")
    assert found["updated_ts"] == AS_OF.timestamp()
    row = found["symbols"][0]
    assert row["router"] == {
        "maker_fill_ratio": 1.0,
        "fallback_ratio": None,
        "slip_q25": 5.0,
        "slip_q50": 6.0,
        "slip_q75": 7.0,
        "slip_q95": pytest.approx(7.8, rel=1e-9),
        "warnings": ["elevated_median_slippage"],
        "router_warnings": ["elevated_median_slippage"],
        "maker_offset_bps": pytest.approx(2.0 - 0.5 + 0.8, rel=1e-9),
        "policy_quality": "ok",
        "policy_maker_first": True,
        "policy_taker_bias": "balanced",
    }
    assert row["risk"] == {
        "dd_today_pct": pytest.approx(-2.0, rel=1e-9),
        "risk_flags": ["dd_warning", "symbol_disabled"],
        "sharpe_state": "unknown",
        "toggle_active": True,
        "toggle_meta": {"disabled_ts": ago(hours=1).timestamp(), "disabled_until": None, "reason": None},
    }
    assert row["vol"] == {
        "atr_now": pytest.approx(1.5, rel=1e-9),
        "atr_med": pytest.approx(1.5, rel=1e-9),
        "atr_ratio": 1.0,
        "atr_regime": "normal",
    }
    intel = 1 + 0.3 * (0.1 + 0.25 - 0.3 - 0.25)  # volatility, maker, slippage, drawdown
    assert row["sizing"].pop("sharpe_7d") is None
    assert row["sizing"] == pytest.approx(
        {
            "size_mult_sharpe": 0.6875,
            "size_mult_regime": 1.0,
            "size_mult_combined": 0.6875,
            "intel_size_factor": intel,
            "final_size_factor": 0.6875 * intel,
        },
        rel=1e-9,
    )
    assert row["updated_ts"] == AS_OF.timestamp()


def test_symbols_are_enabled_routed_or_traded_in_order(store: GivenRows) -> None:
    store.universe("C_ENABLED", {"symbol": "OFF", "enabled": False})
    store.add("order_metrics", symbol="A_ROUTED")
    store.close("B_TRADED", 1.0)
    found = document(store, "risk_snapshot")
    assert [row["symbol"] for row in found["symbols"]] == ["A_ROUTED", "B_TRADED", "C_ENABLED"]
