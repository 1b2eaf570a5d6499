"""A small strategy that trades often: it follows moves, gets out after a while, and asks for too much now and then.

It is there to exercise the runtime, not to earn: sizes, leverage and pace are drawn so that the limits have work to do.
Deterministic for a seed: everything random comes from one generator, drawn in the order of ticks and symbols.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from math import floor
from random import Random
from typing import Protocol

from tape.execution.intents import Intent
from tape.execution.venues.venue import Account, Quote, Side


class Strategy(Protocol):
    """Asks for trades, once a tick."""

    def decide(
        self, now: datetime, quotes: Mapping[str, Quote], account: Account, busy: Callable[[str], bool]
    ) -> list[Intent]:
        """What it wants now. ``busy``: whether an order of a symbol is on its way."""
        ...


@dataclass(slots=True)
class _Seen:
    """What is remembered of a symbol: two averages of its mid price, and how long a position is held.

    ``hold_for``: null for a position that was not entered from here, e.g. by a run before.
    """

    fast: float
    slow: float
    held_ticks: int = 0
    hold_for: int | None = None
    rests_for: int = 0
    """Ticks until it may ask for an entry again."""


@dataclass(slots=True)
class Momentum:
    """Enters with a move of ``enter_bps`` between two averages of the price, leaves after some ticks or a turn."""

    seed: int
    new_id: Callable[[], str]
    name: str = "momentum"
    enter_bps: float = 0.7
    rest_ticks: tuple[int, int] = (5, 35)
    """Between two entries of a symbol that it asks for."""
    hold_ticks: tuple[int, int] = (4, 25)
    nav_share: tuple[float, float] = (0.02, 0.06)
    greed: float = 0.1
    """Share of entries that ask for what the limits refuse."""
    _random: Random = field(init=False)
    _seen: dict[str, _Seen] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._random = Random(self.seed)  # noqa: S311 (seeded on purpose)

    def decide(
        self, now: datetime, quotes: Mapping[str, Quote], account: Account, busy: Callable[[str], bool]
    ) -> list[Intent]:
        # in hedge mode a symbol has up to two positions: the larger one is left first
        held = {each.symbol: each.qty for each in sorted(account.holdings, key=lambda holding: abs(holding.qty))}
        intents = []
        for symbol in sorted(quotes):
            quote = quotes[symbol]
            seen = self._look(symbol, quote.mid)
            move_bps = (seen.fast / seen.slow - 1) * 1e4
            if busy(symbol):
                continue
            qty = held.get(symbol, 0.0)
            if qty:
                intent = self._leave(now, quote, seen, qty, move_bps)
            else:
                intent = self._enter(now, quote, seen, account.equity_usd, move_bps)
            if intent is not None:
                intents.append(intent)
        return intents

    def _look(self, symbol: str, mid: float) -> _Seen:
        seen = self._seen.setdefault(symbol, _Seen(mid, mid))
        seen.fast += 0.4 * (mid - seen.fast)
        seen.slow += 0.08 * (mid - seen.slow)
        return seen

    def _leave(self, now: datetime, quote: Quote, seen: _Seen, qty: float, move_bps: float) -> Intent | None:
        seen.held_ticks += 1
        if seen.hold_for is None:
            seen.hold_for = self._random.randint(*self.hold_ticks)
        has_turned = move_bps * qty < 0 and abs(move_bps) > self.enter_bps
        if seen.held_ticks < seen.hold_for and not has_turned:
            return None
        part = _whole_units(abs(qty) / 2) if self._random.random() < 0.25 else abs(qty)
        side: Side = "SELL" if qty > 0 else "BUY"
        return self._intent(now, quote, side, part or abs(qty), move_bps, reduce_only=True)

    def _enter(self, now: datetime, quote: Quote, seen: _Seen, equity_usd: float, move_bps: float) -> Intent | None:
        seen.rests_for -= 1
        if abs(move_bps) < self.enter_bps or seen.rests_for > 0 or not equity_usd > 0:
            return None
        seen.rests_for = self._random.randint(*self.rest_ticks)
        seen.held_ticks, seen.hold_for = 0, self._random.randint(*self.hold_ticks)
        share, leverage = self._random.uniform(*self.nav_share), self._random.choice((1.0, 2.0, 3.0))
        if self._random.random() < self.greed:
            share, leverage = self._random.choice(((0.0004, 1.0), (0.11, 2.0), (0.9, 3.0), (0.03, 20.0)))
        side: Side = "BUY" if move_bps > 0 else "SELL"
        return self._intent(now, quote, side, _whole_units(share * equity_usd / quote.mid), move_bps, leverage=leverage)

    def _intent(
        self,
        now: datetime,
        quote: Quote,
        side: Side,
        qty: float,
        move_bps: float,
        *,
        leverage: float = 1.0,
        reduce_only: bool = False,
    ) -> Intent:
        return Intent(
            intent_id=self.new_id(),
            attempt_id=self.new_id(),
            ts=now,
            symbol=quote.symbol,
            side=side,
            qty=qty,
            price=quote.mid,
            strategy=self.name,
            signal_ts=quote.ts,
            leverage=leverage,
            reduce_only=reduce_only,
            confidence=min(1.0, abs(move_bps) / 20),
            expected_edge=abs(move_bps) / 1e4,
        )


def _whole_units(qty: float) -> float:
    """Rounded down to billionths of a base unit, so that a part is never more than the whole."""
    return floor(qty * 1e9) / 1e9
