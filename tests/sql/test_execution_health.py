"""execution_health: risk and execution picture of each listed symbol (semantics 9)."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from tests.conftest import AS_OF, GivenRows, ago
from tests.sql.conftest import add_bars, by_symbol

MIDDLE = 0.25 + (0 + 1) / 4 * 1.75
"""size_mult_sharpe of an unknown Sharpe ratio."""


def health(store: GivenRows) -> dict[str, Any]:
    return by_symbol(store, "execution_health")["BTCUSDT"]


def close_with_returns(store: GivenRows, returns: Sequence[float]) -> None:
    for position, value in enumerate(returns):
        store.close("BTCUSDT", 100 * value, ago(days=3, seconds=-position), order_id=str(position))
        store.add("order_fills", ago(days=3), symbol="BTCUSDT", order_id=str(position), avg_price=100.0)


def test_of_a_symbol_of_which_nothing_is_known(store: GivenRows) -> None:
    store.universe("BTCUSDT")
    row = health(store)
    assert (row["sharpe_state"], row["atr_regime"], row["dd_today_pct"]) == ("unknown", "unknown", 0)
    assert (row["warnings"], row["risk_flags"], row["is_disabled"], row["toggle_meta"]) == ([], [], False, None)
    sizes = [row[name] for name in ("size_mult_sharpe", "size_mult_regime", "size_mult_combined")]
    assert [float(size) for size in sizes] == pytest.approx([MIDDLE, 1.0, MIDDLE], rel=1e-9)
    intel = 1 + 0.3 * -0.25  # z: an unknown maker ratio counts as 0
    found = (float(row["intel_size_factor"]), float(row["final_size_factor"]))
    assert found == pytest.approx((intel, MIDDLE * intel), rel=1e-9)


def test_every_part_of_the_size_factor_is_summed(store: GivenRows) -> None:
    store.add("ticks", ago(hours=12), equity_usd=1000.0)
    close_with_returns(store, [0.1, 0.11])
    store.close("BTCUSDT", 21.0, ago(hours=2))
    store.close("BTCUSDT", -51.0, ago(hours=1))
    for used_fallback in (True, True, True, False):
        store.add(
            "order_metrics",
            symbol="BTCUSDT",
            is_maker_final=True,
            maker_start=True,
            used_fallback=used_fallback,
            slippage_bps=6.0,
        )
    row = health(store)
    assert row["dd_today_pct"] == pytest.approx(-5.1, rel=1e-9)
    z = 1 + 0 + (1 - 0.5) * 0.5 - (0.75 - 0.5) - 0.3 - 0.5  # sharpe, atr, maker, fallback, slippage, drawdown
    assert float(row["size_mult_sharpe"]) == pytest.approx(2.0, rel=1e-9)
    assert float(row["final_size_factor"]) == pytest.approx(2.0 * 1.0 * (1 + 0.3 * z), rel=1e-9)
    assert row["warnings"] == ["high_fallback_ratio", "elevated_median_slippage"]
    assert row["risk_flags"] == ["dd_warning", "dd_kill_threshold"]


@pytest.mark.parametrize(
    ("bars", "regime", "multiplier", "atr_part"),
    [
        ([200.0] + [100.0, 101.0] * 25, "quiet", 0.75, -0.2),
        ([110.0] + [100.0, 101.0] * 25, "normal", 1.0, 0.1),
        ([100.0] * 50 + [100.0, 101.0] * 25, "hot", 0.5, 0.0),
        ([100.0] * 200 + [100.0, 101.0] * 25, "panic", 0.25, -0.3),
    ],
)
def test_volatility_moves_both_the_multiplier_and_the_intel_factor(
    store: GivenRows, bars: list[float], regime: str, multiplier: float, atr_part: float
) -> None:
    store.universe("BTCUSDT")
    add_bars(store, "BTCUSDT", bars)
    row = health(store)
    assert (row["atr_regime"], float(row["size_mult_regime"])) == (regime, multiplier)
    assert float(row["intel_size_factor"]) == pytest.approx(1 + 0.3 * (atr_part - 0.25), rel=1e-9)
    assert float(row["size_mult_combined"]) == pytest.approx(MIDDLE * multiplier, rel=1e-9)


@pytest.mark.parametrize(
    ("returns", "state", "size"),
    [
        ([0.1], "unknown", MIDDLE),
        ([0.1, 0.1], "neutral", MIDDLE),
        ([-0.1, -0.11], "poor", 0.25),
        ([0.1, 0.11], "strong", 2.0),
        ([-0.01, 0.02, 0.02], "neutral", 0.25 + (0.01 / 0.0003**0.5 + 1) / 4 * 1.75),  # mean 0.01, variance 6e-4 / 2
    ],
)
def test_the_sharpe_ratio_names_a_state_and_scales_the_size_within_bounds(
    store: GivenRows, returns: list[float], state: str, size: float
) -> None:
    close_with_returns(store, returns)
    store.universe("BTCUSDT")
    row = health(store)
    assert row["sharpe_state"] == state
    assert float(row["size_mult_sharpe"]) == pytest.approx(size, rel=1e-9)


@pytest.mark.parametrize(
    ("pnl", "flags"),
    [
        (-14.9, []),
        (-15.0, ["dd_warning"]),
        (-29.9, ["dd_warning"]),
        (-30.0, ["dd_warning", "dd_kill_threshold"]),
    ],
)
def test_drawdown_flags_begin_at_their_thresholds(store: GivenRows, pnl: float, flags: list[str]) -> None:
    store.add("ticks", ago(hours=12), equity_usd=1000.0)
    store.close("BTCUSDT", pnl)
    assert health(store)["risk_flags"] == flags


@pytest.mark.parametrize(
    ("slippage", "fallbacks", "warnings"),
    [
        (4.0, [True, False], []),
        (4.1, [True, False], ["elevated_median_slippage"]),
        (4.0, [True, True, False], ["high_fallback_ratio"]),
    ],
)
def test_warnings_begin_above_their_thresholds(
    store: GivenRows, slippage: float, fallbacks: list[bool], warnings: list[str]
) -> None:
    for used_fallback in fallbacks:
        store.add(
            "order_metrics", symbol="BTCUSDT", maker_start=True, used_fallback=used_fallback, slippage_bps=slippage
        )
    assert health(store)["warnings"] == warnings


def test_a_symbol_that_is_switched_off_says_since_when_and_why(store: GivenRows) -> None:
    store.universe("BTCUSDT")
    until = AS_OF + timedelta(hours=1)
    store.add("symbol_toggles", ago(hours=1), symbol="BTCUSDT", is_disabled=True, until_ts=until, reason="guard")
    row = health(store)
    assert row["risk_flags"] == ["symbol_disabled"]
    assert row["toggle_meta"] == {
        "disabled_ts": ago(hours=1).timestamp(),
        "disabled_until": "2025-06-15T13:30:00Z",
        "reason": "guard",
    }


def test_every_listed_symbol_is_there(store: GivenRows) -> None:
    store.universe("ENABLED")
    store.add("order_metrics", symbol="ROUTED")
    store.close("TRADED", 1.0)
    assert set(by_symbol(store, "execution_health")) == {"ENABLED", "ROUTED", "TRADED"}
