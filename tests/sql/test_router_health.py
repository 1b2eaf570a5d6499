"""router_health: the router of each listed symbol and its policy (semantics 4, 5)."""

from typing import Any

import pytest

from tests.conftest import GivenRows, ago
from tests.sql.conftest import add_bars, by_symbol

CALM = [100.0, 101.0] * 25
PANIC = [100.0] * 200 + CALM
GOOD: dict[str, Any] = {"is_maker_final": True, "maker_start": True, "slippage_bps": 2.0}


@pytest.mark.parametrize(
    ("metric", "bars", "expected"),
    [
        (None, [], ("ok", True, "balanced", "quality=ok; regime=unknown")),
        ({"ack_ms": 10.0}, CALM, ("ok", True, "balanced", "quality=ok; regime=normal")),
        (GOOD, CALM, ("good", True, "prefer_maker", "quality=good; regime=normal")),
        ({"ack_ms": 1500.0}, CALM, ("degraded", True, "prefer_taker", "quality=degraded; regime=normal")),
        ({"ack_ms": 2500.0}, CALM, ("broken", False, "prefer_taker", "quality=broken; regime=normal")),
        (None, PANIC, ("ok", True, "prefer_taker", "quality=ok; regime=panic")),
        (GOOD, PANIC, ("good", True, "prefer_taker", "quality=good; regime=panic")),
        ({"ack_ms": 1500.0}, PANIC, ("degraded", False, "prefer_taker", "quality=degraded; regime=panic")),
        ({"ack_ms": 2500.0}, PANIC, ("broken", False, "prefer_taker", "quality=broken; regime=panic")),
    ],
)
def test_quality_decides_the_policy_and_panic_leans_to_taker(
    store: GivenRows, metric: dict[str, Any] | None, bars: list[float], expected: tuple[str, bool, str, str]
) -> None:
    store.universe("BTCUSDT")
    if metric is not None:
        store.add("order_metrics", symbol="BTCUSDT", **metric)
    if bars:
        add_bars(store, "BTCUSDT", bars)
    row = by_symbol(store, "router_health")["BTCUSDT"]
    assert (row["quality"], row["maker_first"], row["taker_bias"], row["reason"]) == expected


def test_the_offset_takes_regime_ratios_slippage_and_edge_together(store: GivenRows) -> None:
    store.add("order_metrics", symbol="BTCUSDT", **GOOD)
    add_bars(store, "BTCUSDT", PANIC)
    store.close("BTCUSDT", 5.0, ago(days=2, minutes=10), order_id="1")
    store.add("order_fills", ago(days=2), symbol="BTCUSDT", order_id="1", avg_price=100.0)
    row = by_symbol(store, "router_health")["BTCUSDT"]
    assert row["hour_edge"] == pytest.approx(0.05, rel=1e-9)
    assert float(row["maker_offset_bps"]) == pytest.approx(2.0 + 1.0 - 0.5 - 0.2, rel=1e-9)


def test_a_symbol_without_a_router_row_is_ok_and_of_unknown_regime(store: GivenRows) -> None:
    store.universe("BTCUSDT")
    row = by_symbol(store, "router_health")["BTCUSDT"]
    assert (row["has_router"], row["quality"], row["regime"]) == (False, "ok", "unknown")
    assert float(row["maker_offset_bps"]) == pytest.approx(1.8, rel=1e-9)  # unknown slippage counts as 0
    assert row["maker_fill_ratio"] is None


def test_a_symbol_that_only_traded_is_not_of_the_router_files(store: GivenRows) -> None:
    store.close("TRADED", 1.0)
    store.add("order_metrics", symbol="ROUTED")
    found = {symbol: row["is_router_listed"] for symbol, row in by_symbol(store, "router_health").items()}
    assert found == {"TRADED": False, "ROUTED": True}
