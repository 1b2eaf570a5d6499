"""router_policy_suggestions: from signals of router and results to a proposed policy (semantics 7)."""

from typing import Any

import pytest

from tests.conftest import GivenRows
from tests.sql.conftest import add_bars, by_symbol

Policy = tuple[bool, float, float]
"""maker_first, taker_bias, offset_bps"""

OK = [{"ack_ms": 10.0}]
MAKER = {"is_maker_final": True, "maker_start": True}


def fallbacks(used: int, of: int) -> list[dict[str, Any]]:
    return [{"maker_start": True, "used_fallback": position < used} for position in range(of)]


def suggest(store: GivenRows, metrics: list[dict[str, Any]], pnls: list[float]) -> dict[str, Any]:
    store.universe("BTCUSDT")
    for metric in metrics:
        store.add("order_metrics", symbol="BTCUSDT", **metric)
    for pnl in pnls:
        store.close("BTCUSDT", pnl)
    return by_symbol(store, "router_policy_suggestions")["BTCUSDT"]


def policy(row: dict[str, Any], name: str) -> Any:
    found = row[name]
    return pytest.approx((found["maker_first"], float(found["taker_bias"]), float(found["offset_bps"])), rel=1e-9)


@pytest.mark.parametrize(
    ("metrics", "pnls", "current", "proposed"),
    [
        pytest.param(OK, [], (True, 0.5, 1.8), (True, 0.5, 1.8), id="nothing speaks"),
        pytest.param([{"ack_ms": 2500.0}], [], (False, 0.75, 1.8), (False, 0.8, 2.8), id="quality broken"),
        pytest.param(
            [{"is_maker_final": False, "slippage_bps": 2.0}],
            [],
            (True, 0.5, 2.0),
            (False, 0.55, 3.0),
            id="regime broken, quality ok",
        ),
        pytest.param([{"ack_ms": 1500.0}], [], (True, 0.75, 1.8), (True, 0.775, 2.3), id="quality degraded"),
        pytest.param(fallbacks(4, 7), [], (True, 0.5, 2.8), (True, 0.5375, 3.3), id="fallback heavy, quality ok"),
        pytest.param(
            fallbacks(3, 5), [], (True, 0.75, 2.8), (False, 0.8, 3.8), id="fallback heavy without a trade: 0.5 + 0.75"
        ),
        pytest.param(fallbacks(3, 5), [0.0], (True, 0.75, 2.8), (True, 0.8, 3.8), id="fallback heavy with a trade"),
        pytest.param(
            [{"slippage_bps": 0.0}] * 9 + [{"slippage_bps": 24.0}],
            [],
            (True, 0.75, 1.8),
            (True, 0.8, 2.8),
            id="degraded 0.5 + slippage hot 0.5, 0.75",
        ),
        pytest.param([MAKER], [], (True, 0.25, 1.3), (True, 0.2125, 0.8), id="maker strong"),
        pytest.param(OK, [1.0], (True, 0.5, 1.8), (True, 0.475, 1.8), id="strength 0.75 + 0.25"),
        pytest.param(OK, [5.0], (True, 0.5, 1.8), (True, 0.45, 1.3), id="strength 1.5 + 0.25"),
        pytest.param(OK, [-1.0], (True, 0.5, 1.8), (True, 0.525, 1.8), id="strength -0.75 - 0.25"),
        pytest.param(OK, [-3.0], (True, 0.5, 1.8), (True, 0.55, 2.3), id="strength -1.5 - 0.25"),
        pytest.param(
            [MAKER], [5.0], (True, 0.25, 1.3), (True, 0.2, 0.5), id="signals are kept within -1, offset in its bounds"
        ),
        pytest.param([], [5.0], (True, 0.5, 1.8), (True, 0.5, 1.8), id="no router row: the policy stays"),
    ],
)
def test_each_signal_moves_bias_and_offset_by_its_share_of_a_step(
    store: GivenRows, metrics: list[dict[str, Any]], pnls: list[float], current: Policy, proposed: Policy
) -> None:
    row = suggest(store, metrics, pnls)
    assert policy(row, "current_policy") == current
    assert policy(row, "proposed_policy") == proposed


def test_good_results_on_a_strong_maker_turn_maker_first_on_again(store: GivenRows) -> None:
    add_bars(store, "BTCUSDT", [100.0] * 200 + [100.0, 101.0] * 25)
    row = suggest(store, [{**MAKER, "ack_ms": 1500.0}], [5.0])
    assert (row["quality"], row["regime"], row["strength"]) == ("degraded", "maker_strong", pytest.approx(1.75))
    assert (row["current_policy"]["maker_first"], row["proposed_policy"]["maker_first"]) == (False, True)


def test_poor_results_on_a_strong_maker_leave_maker_first_off(store: GivenRows) -> None:
    add_bars(store, "BTCUSDT", [100.0] * 200 + [100.0, 101.0] * 25)
    row = suggest(store, [{**MAKER, "ack_ms": 1500.0}], [-1.0])
    assert (row["current_policy"]["maker_first"], row["proposed_policy"]["maker_first"]) == (False, False)


def test_a_broken_quality_is_not_turned_maker_first_by_good_results(store: GivenRows) -> None:
    row = suggest(store, [{**MAKER, "ack_ms": 2500.0}], [5.0])
    assert (row["regime"], row["proposed_policy"]["maker_first"]) == ("maker_strong", False)


def test_labels_follow_the_numbers(store: GivenRows) -> None:
    store.limits(router_autotune={"max_bias_step": 0.25})
    row = suggest(store, OK, [5.0])
    assert row["current_policy"]["bias_label"] == "balanced"
    assert (float(row["proposed_policy"]["taker_bias"]), row["proposed_policy"]["bias_label"]) == (0.25, "prefer_maker")


@pytest.mark.parametrize(
    ("autotune", "current", "proposed"),
    [
        ({"max_bias_step": 0.2, "max_offset_step_bps": 3}, (False, 0.75, 1.8), (False, 0.95, 4.8)),
        ({"max_bias_step": 0, "max_offset_step_bps": 0}, (False, 0.75, 1.8), (False, 0.76, 2.05)),
        ({"max_bias": 0, "max_offset_bps": 1}, (False, 0.0, 1.0), (False, 0.0, 1.0)),
        ({"max_bias": 0.6, "max_bias_step": 0.1}, (False, 0.6, 1.8), (False, 0.6, 2.8)),
        ({"min_bias": 0.9, "max_bias_step": 0.02}, (False, 0.9, 1.8), (False, 0.92, 2.8)),
        ({"min_offset_bps": 5, "max_bias": 0.77}, (False, 0.75, 5.0), (False, 0.77, 6.0)),
    ],
)
def test_bounds_and_steps_are_limits_and_a_configured_zero_is_zero(
    store: GivenRows, autotune: dict[str, float], current: Policy, proposed: Policy
) -> None:
    store.limits(router_autotune=autotune)
    row = suggest(store, [{"ack_ms": 2500.0}], [])
    assert policy(row, "current_policy") == current
    assert policy(row, "proposed_policy") == proposed


@pytest.mark.parametrize(
    ("metrics", "words"), [([], "No router row"), ([{"ack_ms": 2500.0}], "broken"), ([MAKER], "Maker orders fill well")]
)
def test_the_rationale_names_what_spoke(store: GivenRows, metrics: list[dict[str, Any]], words: str) -> None:
    sentences = suggest(store, metrics, [])["rationale"]
    assert len(sentences) == 1
    assert words in sentences[0]


def test_only_symbols_of_the_router_files_are_listed(store: GivenRows) -> None:
    store.universe("ENABLED")
    store.close("TRADED", 1.0)
    store.add("order_metrics", symbol="ROUTED")
    assert set(by_symbol(store, "router_policy_suggestions")) == {"ENABLED", "ROUTED"}
