"""Made-up liquidity: lots, reach and impact on single values."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tape.execution.positions import UNITS
from tape.execution.venues import liquidity
from tape.execution.venues.liquidity import Reach
from tape.execution.venues.market import Step
from tape.execution.venues.venue import Quote, Side

NOON = datetime(2025, 11, 1, 12, tzinfo=UTC)
QUOTE = Quote("X", NOON, 99.9, 100.1, 100.0)


@given(st.integers(0, 10**15), st.floats(1e-4, 1e6))
def test_whole_lots_never_add_and_drop_less_than_about_a_dollar(units: int, price: float) -> None:
    dropped = units - liquidity.whole_lots(units, price)
    assert dropped >= 0
    assert dropped / UNITS * price <= 1.0 + 1e-6


@pytest.mark.parametrize(
    ("side", "limit_price", "expected"),
    [
        ("BUY", 99.0, None),
        ("BUY", 99.5, Reach(False, 2 * UNITS)),
        ("BUY", 99.6, Reach(True, 2 * UNITS)),
        ("SELL", 101.0, None),
        ("SELL", 100.5, Reach(False, 3 * UNITS)),
        ("SELL", 100.4, Reach(True, 3 * UNITS)),
    ],
)
def test_a_step_reaches_bids_by_its_low_and_asks_by_its_high(
    side: Side, limit_price: float, expected: Reach | None
) -> None:
    assert liquidity.reach(side, limit_price, Step(QUOTE, 99.5, 100.5, 2.0, 3.0)) == expected


def test_without_trades_only_a_crossing_quote_reaches() -> None:
    step = Step(QUOTE, None, None, 0.0, 0.0)
    assert liquidity.reach("BUY", 100.0, step) is None
    assert liquidity.reach("SELL", 100.0, step) is None
    assert liquidity.reach("SELL", 99.5, step) == Reach(True, liquidity.depth_units("X", 99.5))


def test_a_taker_pays_at_least_the_touch_and_stays_on_the_quotes_decimals() -> None:
    for number in range(200):
        drawn = liquidity.chance(1, number)
        bought = liquidity.taker_price("BUY", 300 * UNITS, None, QUOTE, drawn)
        sold = liquidity.taker_price("SELL", 300 * UNITS, None, QUOTE, drawn)
        assert bought >= 100.1
        assert sold <= 99.9
        assert (bought, sold) == (round(bought, 1), round(sold, 1))


def test_chance_is_the_seeds_and_the_orders() -> None:
    assert liquidity.chance(1, 2) == liquidity.chance(1, 2)
    assert len({liquidity.chance(seed, number) for seed in (1, 2) for number in (1, 2)}) == 4
