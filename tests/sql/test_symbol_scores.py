"""symbol_scores: score = clamp(0.55 E + 0.35 R - S - F - 0.3 V, 0, 1) (semantics 6)."""

from math import tanh
from typing import Any

import pytest

from tests.conftest import GivenRows
from tests.sql.conftest import add_bars, by_symbol


def score(store: GivenRows, symbol: str = "BTCUSDT") -> dict[str, Any]:
    return by_symbol(store, "symbol_scores")[symbol]


def test_every_component_enters_the_score(store: GivenRows) -> None:
    store.close("BTCUSDT", 6.0, fees_usd=0.5)
    store.close("BTCUSDT", -2.0, fees_usd=1.5)
    store.add("order_metrics", symbol="BTCUSDT", is_maker_final=True, maker_start=True, slippage_bps=1.0)
    store.add(
        "order_metrics", symbol="BTCUSDT", is_maker_final=True, maker_start=True, used_fallback=True, slippage_bps=3.0
    )
    add_bars(store, "BTCUSDT", [110.0] + [100.0, 101.0] * 25)
    e = 0.7 * (0.5 + 0.5 * tanh(2 / 10)) + 0.3 * 0.5
    r = 0.5 + 0.5 * tanh(1.0 - 0.5)
    s = 2 / 20
    f = 0.2 * 2 / 4
    v = 1 - (1 / 100.5) / ((10 + 49) / 50 / ((110 + 25 * 201) / 51))
    assert 0 < v < 0.5
    row = score(store)
    assert {name: value for name, value in row.items() if name != "symbol"} == pytest.approx(
        {
            "score": 0.55 * e + 0.35 * r - s - f - 0.3 * v,
            "expectancy_component": e,
            "router_component": r,
            "slippage_penalty": s,
            "fee_drag_penalty": f,
            "volatility_penalty": v,
            "unpriced_fees": 0,
        },
        rel=1e-9,
    )


def test_a_symbol_of_which_nothing_is_known_has_the_middle_of_both_components(store: GivenRows) -> None:
    store.universe("BTCUSDT")
    assert score(store) == {
        "symbol": "BTCUSDT",
        "score": pytest.approx(0.55 * 0.5 + 0.35 * 0.5, rel=1e-9),
        "expectancy_component": 0.5,
        "router_component": 0.5,
        "slippage_penalty": 0,
        "fee_drag_penalty": 0,
        "volatility_penalty": 0,
        "unpriced_fees": 0,
    }


def test_a_known_hit_rate_of_zero_is_not_an_unknown_one(store: GivenRows) -> None:
    store.close("BTCUSDT", 0.0)
    assert score(store)["expectancy_component"] == pytest.approx(0.7 * 0.5, rel=1e-9)


@pytest.mark.parametrize(("bps", "penalty"), [(-4.0, 0.0), (0.0, 0.0), (7.9, 0.395), (8.0, 0.4), (90.0, 0.4)])
def test_slippage_costs_at_most_two_fifths_and_a_gain_costs_nothing(
    store: GivenRows, bps: float, penalty: float
) -> None:
    store.add("order_metrics", symbol="BTCUSDT", slippage_bps=bps)
    assert score(store)["slippage_penalty"] == pytest.approx(penalty, rel=1e-9)


@pytest.mark.parametrize(
    ("pnls", "fees", "penalty"),
    [
        ([-3.0, -1.0], 1.0, 0.2 * 2 / 4),
        ([4.0], 90.0, 0.4),
        ([4.0], -1.0, 0.0),
        ([2.0, -2.0], 1.0, 0.0),
        ([4.0], 0.0, 0.0),
    ],
)
def test_fees_cost_relative_to_the_sum_of_pnl_and_nothing_where_it_is_zero(
    store: GivenRows, pnls: list[float], fees: float, penalty: float
) -> None:
    for pnl in pnls:
        store.close("BTCUSDT", pnl, fees_usd=fees)
    assert score(store)["fee_drag_penalty"] == pytest.approx(penalty, rel=1e-9)


def test_volatility_costs_at_most_half_before_its_weight(store: GivenRows) -> None:
    store.universe("BTCUSDT")
    add_bars(store, "BTCUSDT", [100.0] * 200 + [100.0, 101.0] * 25)
    row = score(store)
    assert row["volatility_penalty"] == 0.5
    assert row["score"] == pytest.approx(0.45 - 0.15, rel=1e-9)


def test_a_score_is_not_below_zero(store: GivenRows) -> None:
    store.close("BTCUSDT", -900.0)
    store.add("order_metrics", symbol="BTCUSDT", slippage_bps=50.0)
    assert score(store)["score"] == 0  # 0.35 * 0.5 - 0.4


def test_every_listed_symbol_has_a_score(store: GivenRows) -> None:
    store.universe("ENABLED", {"symbol": "OFF", "enabled": False})
    store.close("TRADED", 1.0)
    assert set(by_symbol(store, "symbol_scores")) == {"ENABLED", "TRADED"}


def test_fees_without_a_price_are_counted_beside_the_fee_drag(store: GivenRows) -> None:
    store.close("BTCUSDT", 3.0, fees_usd=0.6)
    store.close("BTCUSDT", 1.0, fees_usd=0.0, extra={"fees_unpriced": {"BNB": 0.001}})
    row = score(store)
    assert (row["fee_drag_penalty"], row["unpriced_fees"]) == (pytest.approx(0.2 * 0.6 / 4, rel=1e-9), 1)
