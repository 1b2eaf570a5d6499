"""A made-up market is the same however it is asked for, holds together step by step, and moves."""

from __future__ import annotations

import math
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tape.execution.venues.market import Step
from tape.execution.venues.regimes import INSTRUMENTS, REGIMES, RegimeMarket, instrument
from tests.divided import examples

START = datetime(2025, 11, 1, tzinfo=UTC)
SYMBOLS = ("SOLUSDT", "BTCUSDT", "XYZUSDT")


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def by_symbol(seconds: float, seed: int = 1) -> dict[str, list[Step]]:
    paths = defaultdict(list)
    for step in RegimeMarket(SYMBOLS, seed, START).steps(after(seconds)):
        paths[step.quote.symbol].append(step)
    return paths


@settings(max_examples=examples(30), deadline=None)
@given(st.lists(st.floats(-5, 70), max_size=8), st.integers(0, 5))
def test_asking_in_slices_changes_nothing(instants: list[float], dropped: int) -> None:
    """Also where a slice is not read to its end: what was not given out comes next."""
    sliced = RegimeMarket(SYMBOLS, 7, START)
    steps = list(islice(sliced.steps(after(70)), dropped))
    for instant in [*instants, 70]:
        steps += sliced.steps(after(instant))
    assert steps == list(RegimeMarket(SYMBOLS, 7, START).steps(after(70)))


def test_another_seed_is_another_market() -> None:
    assert by_symbol(60, seed=1) != by_symbol(60, seed=2)


def test_a_path_does_not_depend_on_the_other_symbols() -> None:
    assert list(RegimeMarket(["SOLUSDT"], 1, START).steps(after(60))) == by_symbol(60)["SOLUSDT"]


def test_steps_come_in_the_order_of_time_then_symbol() -> None:
    market = RegimeMarket(SYMBOLS, 1, START, step_s=0.5)
    steps = list(market.steps(after(10)))
    assert [(step.quote.ts, step.quote.symbol) for step in steps] == [
        (after(count / 2), symbol) for count in range(21) for symbol in market.symbols
    ]
    assert market.symbols == ("BTCUSDT", "SOLUSDT", "XYZUSDT")


def test_nothing_comes_before_the_start() -> None:
    assert list(RegimeMarket(SYMBOLS, 1, START).steps(after(-1))) == []


def test_ranges_span_both_quotes_and_volumes_are_positive() -> None:
    for steps in by_symbol(900).values():
        assert (steps[0].low, steps[0].high, steps[0].sold, steps[0].bought) == (None, None, 0.0, 0.0)
        for one, two in pairwise(steps):
            assert two.low is not None
            assert two.high is not None
            assert 0 < two.low <= min(one.quote.bid, two.quote.bid)
            assert two.high >= max(one.quote.ask, two.quote.ask)
            assert two.quote.bid < two.quote.ask
            assert two.sold > 0
            assert two.bought > 0


def test_prices_stand_on_the_tick() -> None:
    for symbol, steps in by_symbol(300).items():
        digits = instrument(symbol).digits
        for step in steps:
            prices = (step.quote.bid, step.quote.ask, step.quote.mark, step.low or 1.0, step.high or 1.0)
            assert all(price == round(price, digits) for price in prices)


def test_ten_seconds_move_several_bps_and_hours_stay_sensible() -> None:
    for symbol, steps in by_symbol(4 * 3600).items():
        logs = [math.log(step.quote.mid) * 1e4 for step in steps]
        moves = [two - one for one, two in zip(logs, logs[10:], strict=False)]
        spread = math.sqrt(sum(move * move for move in moves) / len(moves))
        assert 3 < spread < 15, symbol
        assert max(abs(log - logs[0]) for log in logs) < 2500, symbol


def test_symbols_move_together() -> None:
    paths = by_symbol(1800)
    moves = {
        symbol: [math.log(two.quote.mid / one.quote.mid) for one, two in pairwise(steps)]
        for symbol, steps in paths.items()
    }
    pairs = list(zip(moves["BTCUSDT"], moves["SOLUSDT"], strict=True))
    product = sum(one * two for one, two in pairs)
    correlation = product / math.sqrt(sum(one * one for one, _ in pairs) * sum(two * two for _, two in pairs))
    assert 0.15 < correlation < 0.6


def test_regimes_last_some_minutes_and_all_of_them_come() -> None:
    market = RegimeMarket(["BTCUSDT"], 3, START)
    path = market._paths[0]
    names = [path.regime.name for _ in market.steps(after(4 * 3600))]
    switches = sum(one != two for one, two in pairwise(names))
    assert set(names) == {regime.name for regime in REGIMES}
    assert 40 < switches < 160


@pytest.mark.parametrize("symbol", [*INSTRUMENTS, "DOGEUSDT", "1000PEPEUSDT"])
def test_a_tick_is_less_than_a_bps_and_a_price_comes_from_the_name(symbol: str) -> None:
    made = instrument(symbol)
    assert made == instrument(symbol)
    assert 0 < 10**-made.digits / made.start_price < 1.1e-4
