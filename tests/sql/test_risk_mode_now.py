"""risk_mode_now: normal, cautious at 5 %, defensive at 10 %, at least cautious without a fresh tick (semantics 8)."""

from typing import Any

import pytest

from tests.conftest import GivenRows, ago
from tests.sql.conftest import read_one


def mode(store: GivenRows) -> Any:
    """Drawdown in per cent, risk mode."""
    row = read_one(store, "risk_mode_now")
    return row["drawdown_pct"], row["risk_mode"]


def account(store: GivenRows, equity: float, seconds_old: float = 60) -> None:
    store.add("ticks", ago(hours=1), equity_usd=1000.0)
    store.add("ticks", ago(seconds=seconds_old), equity_usd=equity)


@pytest.mark.parametrize(
    ("equity", "expected"),
    [
        (1000.0, (0.0, "normal")),
        (951.0, (4.9, "normal")),
        (950.0, (5.0, "cautious")),
        (901.0, (9.9, "cautious")),
        (900.0, (10.0, "defensive")),
    ],
)
def test_bounds_of_drawdown_belong_to_the_stricter_mode(
    store: GivenRows, equity: float, expected: tuple[float, str]
) -> None:
    account(store, equity)
    assert mode(store) == (pytest.approx(expected[0], rel=1e-9), expected[1])


def test_the_worst_symbol_counts_where_it_is_worse_than_the_portfolio(store: GivenRows) -> None:
    account(store, 980.0)
    store.close("BTCUSDT", -60.0)
    store.close("ETHUSDT", 40.0)
    assert mode(store) == (pytest.approx(6.0, rel=1e-9), "cautious")


def test_the_portfolio_counts_where_it_is_worse(store: GivenRows) -> None:
    account(store, 880.0)
    store.close("BTCUSDT", -60.0)
    assert mode(store) == (pytest.approx(12.0, rel=1e-9), "defensive")


@pytest.mark.parametrize(("age", "expected"), [(150.0, "normal"), (150.001, "cautious")])
def test_a_tick_older_than_150_seconds_is_cautious(store: GivenRows, age: float, expected: str) -> None:
    account(store, 1000.0, age)
    assert mode(store) == (0.0, expected)


@pytest.mark.parametrize(("freshness", "expected"), [(600, "normal"), (59, "cautious"), (0, "cautious")])
def test_how_old_a_tick_may_be_is_a_limit(store: GivenRows, freshness: float, expected: str) -> None:
    store.limits(nav_freshness_seconds=freshness)
    account(store, 1000.0)
    assert mode(store)[1] == expected


def test_a_stale_tick_does_not_soften_a_defensive_mode(store: GivenRows) -> None:
    account(store, 900.0, 1800)
    assert mode(store)[1] == "defensive"


def test_without_any_tick_the_drawdown_is_unknown_and_the_mode_cautious(store: GivenRows) -> None:
    store.close("BTCUSDT", -60.0)
    assert mode(store) == (None, "cautious")
    assert read_one(store, "risk_mode_now")["equity_usd"] is None
