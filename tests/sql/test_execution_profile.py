"""execution_profile: what trades and prices of 7 days say of each listed symbol (semantics 9)."""

from typing import Any

import pytest

from tests.conftest import GivenRows, ago
from tests.sql.conftest import add_bars, by_symbol


def profile(store: GivenRows) -> dict[str, Any]:
    return by_symbol(store, "execution_profile")["BTCUSDT"]


def trades(store: GivenRows, *returns: float) -> None:
    """Closes of a notional of 100 USD with these returns, of a symbol that is listed."""
    store.universe("BTCUSDT")
    for number, value in enumerate(returns):
        store.close("BTCUSDT", 100 * value, ago(days=3, minutes=number), order_id=f"o{number}")
        store.add("order_fills", ago(days=3), symbol="BTCUSDT", order_id=f"o{number}", avg_price=100.0)


def routed(store: GivenRows, *, makers: int, takers: int, fallbacks: int, slippage_bps: float) -> None:
    for number in range(makers + takers):
        store.add(
            "order_metrics",
            symbol="BTCUSDT",
            maker_start=True,
            is_maker_final=number < makers,
            used_fallback=number < fallbacks,
            slippage_bps=slippage_bps,
        )


def test_each_listed_symbol_has_one_row(store: GivenRows) -> None:
    store.universe("BTCUSDT", {"symbol": "OFFUSDT", "enabled": False})
    store.close("ETHUSDT", 1.0)
    store.add("order_metrics", symbol="SOLUSDT", slippage_bps=1.0)
    assert set(by_symbol(store, "execution_profile")) == {"BTCUSDT", "ETHUSDT", "SOLUSDT"}


def test_of_a_symbol_of_which_nothing_is_known(store: GivenRows) -> None:
    store.universe("BTCUSDT")
    row = profile(store)
    assert (row["atr_regime"], row["sharpe_state"], row["warnings"]) == ("unknown", "unknown", [])
    assert [row[name] for name in ("sharpe_7d", "atr_now", "maker_fill_ratio", "slip_q50")] == [None] * 4
    assert float(row["size_mult_sharpe"]) == pytest.approx(0.25 + 1 / 4 * 1.75)
    assert float(row["health_score"]) == pytest.approx((0 - 0.5) * 0.5)


@pytest.mark.parametrize(
    ("returns", "state", "size_mult"),
    [
        ((0.1, 0.11), "strong", 2.0),  # mean / std = 14.8, clamped to 3
        ((-0.1, -0.11), "poor", 0.25),
        ((0.1, -0.1), "neutral", 0.25 + 1 / 4 * 1.75),
        ((0.1,), "unknown", 0.25 + 1 / 4 * 1.75),
    ],
)
def test_the_sharpe_ratio_gives_a_state_and_a_size(
    store: GivenRows, returns: tuple[float, ...], state: str, size_mult: float
) -> None:
    trades(store, *returns)
    row = profile(store)
    assert row["sharpe_state"] == state
    assert float(row["size_mult_sharpe"]) == pytest.approx(size_mult)


@pytest.mark.parametrize(
    ("fallbacks", "slippage_bps", "warnings"),
    [
        (2, 4.0, []),
        (3, 4.0, ["high_fallback_ratio"]),
        (2, 4.1, ["elevated_median_slippage"]),
        (4, 9.0, ["high_fallback_ratio", "elevated_median_slippage"]),
    ],
)
def test_warnings_begin_beyond_their_thresholds(
    store: GivenRows, fallbacks: int, slippage_bps: float, warnings: list[str]
) -> None:
    routed(store, makers=2, takers=2, fallbacks=fallbacks, slippage_bps=slippage_bps)
    assert profile(store)["warnings"] == warnings


def test_the_health_score_sums_its_parts(store: GivenRows) -> None:
    trades(store, 0.1, 0.11)
    routed(store, makers=3, takers=1, fallbacks=3, slippage_bps=6.0)
    sharpe, maker, fallback, slippage = 1, (0.75 - 0.5) * 0.5, 0.75 - 0.5, 0.3
    assert float(profile(store)["health_score"]) == pytest.approx(sharpe + maker - fallback - slippage)


@pytest.mark.parametrize(
    ("quiet_bars", "last_moves", "regime", "size_mult", "part"),
    [
        (449, [1.0] * 51, "normal", 1.0, 0.1),
        (449, [5.0] * 51, "panic", 0.25, -0.3),
        (449, [0.1] * 51, "quiet", 0.75, -0.2),
    ],
)
def test_volatility_gives_a_regime_a_size_and_its_part_of_the_score(
    store: GivenRows, quiet_bars: int, last_moves: list[float], regime: str, size_mult: float, part: float
) -> None:
    store.universe("BTCUSDT")
    moves = [1.0] * quiet_bars + last_moves
    add_bars(store, "BTCUSDT", [1000.0 + (move if number % 2 else 0.0) for number, move in enumerate(moves)])
    row = profile(store)
    assert row["atr_regime"] == regime
    assert float(row["size_mult_regime"]) == size_mult
    assert float(row["health_score"]) == pytest.approx(part - 0.25)
