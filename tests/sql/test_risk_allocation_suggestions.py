"""risk_allocation_suggestions: weights and caps of the enabled symbols (semantics 8)."""

from typing import Any

import pytest

from tests.conftest import GivenRows, ago
from tests.sql.conftest import by_symbol

OK, DEGRADED, BROKEN = 10.0, 1500.0, 2500.0
SCORE = 0.55 * 0.5 + 0.35 * 0.5
"""Score of a symbol of whose router only the latency is known."""


def account(store: GivenRows, mode: str) -> None:
    """An account in a risk mode."""
    store.add("ticks", ago(hours=1), equity_usd=1000.0)
    store.add("ticks", ago(seconds=30), equity_usd={"normal": 1000.0, "cautious": 940.0, "defensive": 880.0}[mode])


def route(store: GivenRows, symbol: str, ack_ms: float = OK) -> None:
    store.add("order_metrics", symbol=symbol, ack_ms=ack_ms)


def allocations(store: GivenRows) -> dict[str, dict[str, Any]]:
    return by_symbol(store, "risk_allocation_suggestions")


def suggested(row: dict[str, Any]) -> Any:
    names = ("suggested_weight", "suggested_nav_cap_frac", "suggested_trade_cap_frac")
    return pytest.approx(tuple(row[name] for name in names), rel=1e-9)


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("normal", (0.9, 0.25, 0.2)),  # 0.25 * 1.05 * 1.2 and 0.2 * 1.15 are above the caps
        ("cautious", (0.65, 0.25, 0.1955)),  # 0.25 * 0.85 * 1.2; 0.2 * 0.85 * 1.15
        ("defensive", (0.45, 0.195, 0.161)),  # 0.25 * 0.65 * 1.2; 0.2 * 0.7 * 1.15
    ],
)
def test_the_risk_mode_scales_weight_and_caps(
    store: GivenRows, mode: str, expected: tuple[float, float, float]
) -> None:
    account(store, mode)
    store.universe("BTCUSDT")
    route(store, "BTCUSDT")
    row = allocations(store)["BTCUSDT"]
    assert (row["risk_mode"], row["share"], row["base_frac"], row["trade_frac"]) == (mode, 1.0, 0.25, 0.2)
    assert suggested(row) == expected


def test_quality_weighs_the_signal_and_weights_are_rounded_to_six_decimals(store: GivenRows) -> None:
    account(store, "normal")
    store.universe("A", "B", "C")
    for symbol, ack_ms in [("A", OK), ("B", DEGRADED), ("C", BROKEN)]:
        route(store, symbol, ack_ms)
    rows = allocations(store)
    found = {symbol: row["signal"] for symbol, row in rows.items()}
    assert found == pytest.approx({"A": SCORE, "B": 0.6 * SCORE, "C": 0.2 * SCORE}, rel=1e-9)
    weights = {symbol: row["suggested_weight"] for symbol, row in rows.items()}
    assert weights == {"A": 0.5, "B": 0.3, "C": 0.1}  # 0.9 times 1/1.8, 0.6/1.8, 0.2/1.8


@pytest.mark.parametrize(("pnl", "bonus"), [(2.0, 0.2), (5.0, 0.3), (0.0, 0.0), (-2.0, 0.0)])
def test_a_positive_expectancy_adds_a_tenth_of_itself_at_most_three_tenths(
    store: GivenRows, pnl: float, bonus: float
) -> None:
    store.universe("BTCUSDT")
    store.close("BTCUSDT", pnl)
    row = allocations(store)["BTCUSDT"]
    assert row["signal"] == pytest.approx(row["score"] + bonus, rel=1e-9)


def test_without_a_positive_signal_nothing_is_suggested(store: GivenRows) -> None:
    account(store, "normal")
    store.universe("A", "B")
    assert allocations(store) == {}


def test_an_enabled_symbol_of_which_nothing_is_known_has_no_weight_but_caps(store: GivenRows) -> None:
    account(store, "normal")
    store.universe("KNOWN", "UNKNOWN")
    route(store, "KNOWN")
    row = allocations(store)["UNKNOWN"]
    assert (row["signal"], row["share"]) == (0, 0)
    assert suggested(row) == (0.0, 0.21, 0.17)  # 0.25 * 1.05 * 0.8; 0.2 * 0.85


def test_only_enabled_symbols_are_candidates(store: GivenRows) -> None:
    store.universe("ENABLED", {"symbol": "OFF", "enabled": False})
    for symbol in ("ENABLED", "OFF", "UNLISTED"):
        route(store, symbol)
    store.close("TRADED", 5.0)
    assert set(allocations(store)) == {"ENABLED"}


@pytest.mark.parametrize(
    ("own", "overall", "base", "suggestion"),
    [
        (None, None, 0.25, 0.2125),  # base * 0.85 * (0.8 + 0.4 / 2), at most upper
        (10, None, 0.1, 0.085),
        (None, 0.4, 0.4, 0.34),
        (40, 0.25, 0.4, 0.25),
        (0.1, 0.25, 0.1, 0.085),
        (0, 0.25, 0.0, 0.0),
        (0.3, 0, 0.3, 0.0),
        (None, 0, 0.0, 0.0),
    ],
)
def test_the_nav_cap_is_the_symbols_before_the_global_one_and_above_neither(
    store: GivenRows, own: float | None, overall: float | None, base: float, suggestion: float
) -> None:
    account(store, "cautious")
    store.universe({"symbol": "A", "caps": {"max_nav_pct": own}}, "B")
    store.limits(**{"global": {"symbol_notional_share_cap_pct": overall}})
    route(store, "A")
    route(store, "B")
    row = allocations(store)["A"]
    assert row["share"] == 0.5
    assert (row["base_frac"], row["suggested_nav_cap_frac"]) == pytest.approx((base, suggestion), rel=1e-9)


@pytest.mark.parametrize(
    ("own", "overall", "current"),
    [(None, None, 0.2), (5, 0.1, 0.05), (None, 10, 0.1), (0, 0.1, 0.0), (0.3, 0.1, 0.3), (None, 0, 0.0)],
)
def test_the_trade_cap_is_the_symbols_before_the_global_one(
    store: GivenRows, own: float | None, overall: float | None, current: float
) -> None:
    account(store, "cautious")
    store.universe({"symbol": "A", "caps": {"max_trade_nav_pct": own}}, "B")
    store.limits(**{"global": {"max_trade_nav_pct": overall}})
    route(store, "A")
    route(store, "B")
    row = allocations(store)["A"]
    expected = (current, round(current * 0.85 * (0.85 + 0.3 * 0.5), 6))
    assert (row["trade_frac"], row["suggested_trade_cap_frac"]) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("mode", "ack_ms", "now", "after"),
    [
        ("normal", BROKEN, 3, 3),
        ("cautious", BROKEN, 3, 2),  # share 0.2 / 1.2 < 0.2
        ("cautious", DEGRADED, 3, 3),  # share 0.6 / 1.6 = 0.375
        ("defensive", DEGRADED, 3, 2),
        ("defensive", OK, 3, 3),  # share 0.5
        ("defensive", BROKEN, 1, 0),
        ("defensive", BROKEN, 0, 0),
        ("defensive", BROKEN, None, None),
    ],
)
def test_one_position_less_for_small_shares_in_stricter_modes(
    store: GivenRows, mode: str, ack_ms: float, now: int | None, after: int | None
) -> None:
    account(store, mode)
    store.universe("A", {"symbol": "B", "caps": {"max_concurrent_positions": now}})
    store.limits(**{"global": {"max_concurrent_positions": 9}})
    route(store, "A")
    route(store, "B", ack_ms)
    row = allocations(store)["B"]
    assert (row["max_concurrent_positions"], row["suggested_max_concurrent_positions"]) == (now, after)


def test_without_a_tick_the_mode_is_cautious(store: GivenRows) -> None:
    store.universe("BTCUSDT")
    route(store, "BTCUSDT")
    row = allocations(store)["BTCUSDT"]
    assert (row["risk_mode"], row["suggested_weight"]) == ("cautious", 0.65)


def test_only_a_symbol_without_trade_and_router_row_is_said_to_have_neither(store: GivenRows) -> None:
    account(store, "normal")
    store.universe("KNOWN", "LOST", "UNKNOWN")
    route(store, "KNOWN")
    # a score of 0: E = 0, R = 0.5 + 0.5 * tanh(-1), S = 0.4
    store.close("LOST", -100.0, ago(days=1))
    for _ in range(2):
        store.add("order_metrics", symbol="LOST", maker_start=True, used_fallback=True, slippage_bps=99.0)
    found = allocations(store)
    assert {symbol: row["signal"] > 0 for symbol, row in found.items()} == {
        "KNOWN": True,
        "LOST": False,
        "UNKNOWN": False,
    }
    assert found["UNKNOWN"]["rationale"][-1] == "Neither a trade nor a router row speaks for the symbol."
    assert found["LOST"]["rationale"] == [
        "Signal share 0.0 % of the enabled symbols.",
        "Neither score nor expectancy speaks for the symbol.",
    ]
