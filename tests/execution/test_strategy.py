"""The strategy that exercises the runtime: the same for a seed, one order a symbol, never out of more than it has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from tape.execution.config import parse_limits, parse_universe
from tape.execution.default_limits import DEFAULT_LIMITS, DEFAULT_UNIVERSE
from tape.execution.intents import Intent
from tape.execution.positions import to_units
from tape.execution.risk_limits import RiskView, check
from tape.execution.strategy import Momentum
from tape.execution.venues.regimes import RegimeMarket
from tape.execution.venues.venue import Account, Holding, Quote

NOW = datetime(2025, 11, 1, 12, tzinfo=UTC)
SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")


def account(*holdings: Holding, equity_usd: float = 10_000.0) -> Account:
    return Account(NOW, equity_usd, equity_usd, 0.0, holdings)


def never(symbol: str) -> bool:
    return False


def momentum(seed: int = 7) -> Momentum:
    ids = count(1)
    return Momentum(seed, lambda: f"id{next(ids)}")


def ticks(seconds: int, seed: int = 3) -> list[dict[str, Quote]]:
    """The quotes of a market, second by second."""
    market, quotes = RegimeMarket(SYMBOLS, seed, NOW), []
    now: dict[str, Quote] = {}
    for second in range(seconds):
        now = now | {step.quote.symbol: step.quote for step in market.steps(NOW + timedelta(seconds=second))}
        quotes.append(now)
    return quotes


MARKET = ticks(900)


def run(
    strategy: Momentum, held: Account | None = None, busy: Callable[[str], bool] = never
) -> list[tuple[Mapping[str, Quote], Intent]]:
    return [
        (quotes, intent)
        for second, quotes in enumerate(MARKET)
        for intent in strategy.decide(NOW + timedelta(seconds=second), quotes, held or account(), busy)
    ]


def test_the_same_seed_asks_the_same_and_another_asks_something_else() -> None:
    assert run(momentum(1)) == run(momentum(1))
    assert run(momentum(1)) != run(momentum(2))


def test_a_busy_symbol_is_left_alone() -> None:
    asked = [intent.symbol for _, intent in run(momentum(), busy=lambda symbol: symbol == "BTCUSDT")]
    assert set(asked) == {"ETHUSDT", "SOLUSDT"}


def test_entries_are_priced_at_the_mid_of_the_moment_and_never_reduce() -> None:
    for quotes, intent in run(momentum()):
        assert intent.price == quotes[intent.symbol].mid
        assert intent.signal_ts == quotes[intent.symbol].ts <= intent.ts
        assert intent.qty > 0
        assert not intent.reduce_only


def test_ids_are_never_used_twice() -> None:
    ids = [each for _, intent in run(momentum()) for each in (intent.intent_id, intent.attempt_id)]
    assert len(ids) == len(set(ids)) > 100


@given(st.floats(1e-9, 1e6) | st.sampled_from([1e-9, 3e-9, 0.57, 0.1234567891234]), st.sampled_from([1, -1]))
def test_an_exit_reduces_and_never_exceeds_the_position(size: float, direction: int) -> None:
    strategy, held = momentum(), account(Holding("BTCUSDT", direction * size, 100.0, 1.0))
    quote = Quote("BTCUSDT", NOW, 99.0, 101.0, 100.0)
    asked = [intent for _ in range(60) for intent in strategy.decide(NOW, {"BTCUSDT": quote}, held, never)]
    assert asked
    for intent in asked:
        assert intent.reduce_only
        assert intent.side == ("SELL" if direction > 0 else "BUY")
        assert 0 < intent.qty <= size
        assert to_units(intent.qty) <= to_units(size)
    assert size in {intent.qty for intent in asked}


def test_a_position_of_a_run_before_is_held_for_a_while() -> None:
    held, quote = account(Holding("BTCUSDT", 1.0, 100.0, 1.0)), Quote("BTCUSDT", NOW, 99.0, 101.0, 100.0)
    strategy = momentum()
    first = next(tick for tick in range(60) if strategy.decide(NOW, {"BTCUSDT": quote}, held, never))
    assert first >= strategy.hold_ticks[0] - 1


def test_an_account_of_nothing_or_of_no_number_enters_nothing() -> None:
    for equity_usd in (0.0, -5.0, float("nan")):
        assert run(momentum(), account(equity_usd=equity_usd)) == []


def test_the_limits_have_work_of_several_kinds() -> None:
    limits, universe = parse_limits(DEFAULT_LIMITS), parse_universe(DEFAULT_UNIVERSE)
    vetoes = [
        check(intent, RiskView(now=intent.ts, equity_usd=10_000.0, nav_age_s=0.0), limits, universe)
        for _, intent in run(momentum())
    ]
    reasons = {veto.reason for veto in vetoes if veto is not None}
    assert {"leverage_cap", "min_notional", "per_trade_cap"} <= reasons
    assert any(veto is None for veto in vetoes)
