"""A made-up market that switches between regimes: calm, up, down, volatile.

Laws kept here:
- the same symbols, seed, start and step give the same steps, however they are asked for; a symbol's path is its own
  and does not depend on which other symbols there are;
- between two steps the price goes along a Brownian bridge: ``low`` and ``high`` are its ends, so that the range always
  spans both quotes;
- prices stand on the symbol's tick; nothing here reads a clock.

Log price of one symbol, per step of ``dt`` seconds, in bps: ``(drift + m) dt + vol sqrt(dt) z - x dt/TAU``. ``drift``
and ``vol`` are the regime's; ``z`` is part the market's and part its own; ``m`` is a swing that comes and goes within
some SWING_TAU_S (Ornstein-Uhlenbeck), so that moves last long enough to leave a resting order behind; ``x`` is how far
the price is from its start, and the pull back keeps a market that runs for weeks within some per cent of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import NamedTuple

from tape.execution.venues.market import Step
from tape.execution.venues.venue import Quote

COMMON_SHARE = 0.6
"""Correlation of a symbol's shocks with the market's."""

TAU_S = 6 * 3600.0
"""Time over which a price is pulled back to its start, s."""

SWING_TAU_S = 20.0
"""Time over which a swing fades, s."""

MARK_TAU_S = 3.0
"""Time over which the mark price follows the mid, s."""

MEAN_REGIME_S, MIN_REGIME_S = 150.0, 30.0
"""A regime lasts at least the one, and on average the other longer, s."""


class Regime(NamedTuple):
    """``drift``, and ``swing`` as a deviation, bps/s; ``vol`` bps per square root of a second.

    ``spread`` and ``volume``: multiples of calm; ``bought_share``: of the volume, in [0, 1].
    """

    name: str
    drift: float
    swing: float
    vol: float
    spread: float
    volume: float
    bought_share: float


CALM = Regime("calm", 0.0, 0.25, 0.35, 1.0, 1.0, 0.50)
UP = Regime("up", 0.25, 0.35, 0.5, 1.3, 1.6, 0.60)
DOWN = Regime("down", -0.25, 0.35, 0.5, 1.3, 1.6, 0.40)
VOLATILE = Regime("volatile", 0.0, 0.70, 1.2, 2.5, 3.0, 0.50)
REGIMES = (CALM, UP, DOWN, VOLATILE)


class Instrument(NamedTuple):
    """``start_price`` and ``spread_bps`` in calm; prices have ``digits`` decimals; ``usd_per_s`` traded in calm."""

    start_price: float
    digits: int
    spread_bps: float
    usd_per_s: float


INSTRUMENTS = {
    "BTCUSDT": Instrument(109_500.0, 1, 0.2, 170_000.0),
    "ETHUSDT": Instrument(3_870.0, 2, 0.4, 150_000.0),
    "SOLUSDT": Instrument(187.0, 2, 0.8, 40_000.0),
    "LINKUSDT": Instrument(17.2, 3, 1.2, 8_000.0),
    "LTCUSDT": Instrument(97.5, 2, 1.2, 8_000.0),
    "SUIUSDT": Instrument(2.38, 4, 1.5, 8_000.0),
}


def instrument(symbol: str) -> Instrument:
    """What a symbol is like; of one that is not listed, its name decides: a price between 0.01 and 100."""
    known = INSTRUMENTS.get(symbol)
    if known:
        return known
    price = 10 ** Random(symbol).uniform(-2, 2)  # noqa: S311 (seeded on purpose)
    digits = 4 - math.floor(math.log10(price))
    return Instrument(round(price, digits), digits, 2.0, 4_000.0)


def _begun(symbol: str, start_prices: Mapping[str, float]) -> Instrument:
    known = instrument(symbol)
    return known._replace(start_price=start_prices.get(symbol, known.start_price))


@dataclass(slots=True)
class _Path:
    """One symbol on its way. ``x_bps``: log price over the start price; ``mark_bps`` likewise; ``swing`` bps/s."""

    symbol: str
    instrument: Instrument
    rng: Random
    regime: Regime = CALM
    regime_left_s: float = 0.0
    swing: float = 0.0
    x_bps: float = 0.0
    mark_bps: float = 0.0
    bid: float = 0.0
    ask: float = 0.0

    def first(self, ts: datetime) -> Step:
        """The quote that it begins with; nothing was traded before."""
        return Step(self._quote(ts), None, None, 0.0, 0.0)

    def step(self, ts: datetime, dt: float, common: float) -> Step:
        """Goes on by ``dt`` seconds, with the market's shock (standard normal)."""
        self._switch(dt)
        before, bid, ask = self.x_bps, self.bid, self.ask
        variance = self.regime.vol**2 * dt
        self._move(dt, math.sqrt(variance), common)
        low_bps, high_bps = _bridge(self.rng, before, self.x_bps, variance)
        quote = self._quote(ts)
        low = min(bid, quote.bid, self._on_tick(self._price(low_bps)))
        high = max(ask, quote.ask, self._on_tick(self._price(high_bps)))
        sold, bought = self._volumes(dt, before)
        return Step(quote, low, high, sold, bought)

    def _switch(self, dt: float) -> None:
        self.regime_left_s -= dt
        if self.regime_left_s < 0:
            self.regime = self.rng.choice([regime for regime in REGIMES if regime is not self.regime])
            self.regime_left_s = MIN_REGIME_S + self.rng.expovariate(1 / MEAN_REGIME_S)

    def _move(self, dt: float, sigma_bps: float, common: float) -> None:
        z = COMMON_SHARE * common + math.sqrt(1 - COMMON_SHARE**2) * self.rng.gauss(0, 1)
        kept = math.exp(-dt / SWING_TAU_S)
        self.swing = kept * self.swing + math.sqrt(1 - kept * kept) * self.regime.swing * self.rng.gauss(0, 1)
        self.x_bps += (self.regime.drift + self.swing) * dt + sigma_bps * z - self.x_bps * min(1.0, dt / TAU_S)
        self.mark_bps += (self.x_bps - self.mark_bps) * -math.expm1(-dt / MARK_TAU_S)

    def _volumes(self, dt: float, before_bps: float) -> tuple[float, float]:
        """Base units sold and bought; a rise was bought more, a fall sold more."""
        usd = self.instrument.usd_per_s * self.regime.volume * dt * self.rng.lognormvariate(-0.32, 0.8)
        lean = 0.2 * math.tanh((self.x_bps - before_bps) / (self.regime.vol * math.sqrt(dt)))
        share = min(0.95, max(0.05, self.regime.bought_share + lean))
        base = usd / self.bid
        return round(base * (1 - share), 6), round(base * share, 6)

    def _quote(self, ts: datetime) -> Quote:
        mid = self._price(self.x_bps)
        spread_bps = self.instrument.spread_bps * self.regime.spread * self.rng.uniform(0.7, 1.3)
        tick = 10.0**-self.instrument.digits
        self.bid = max(tick, self._on_tick(mid * (1 - spread_bps / 2e4)))
        self.ask = self._on_tick(self.bid + max(tick, mid * spread_bps / 1e4))
        return Quote(self.symbol, ts, self.bid, self.ask, self._on_tick(self._price(self.mark_bps)))

    def _price(self, x_bps: float) -> float:
        return self.instrument.start_price * math.exp(x_bps / 1e4)

    def _on_tick(self, price: float) -> float:
        return round(price, self.instrument.digits)


def _bridge(rng: Random, start: float, end: float, variance: float) -> tuple[float, float]:
    """The lowest and highest point of a Brownian bridge, each drawn from its own exact law.

    Source: P(max > m) = exp(-2 (m - start) (m - end) / variance), inverted.
    """
    middle, square = start + end, (end - start) ** 2
    low = (middle - math.sqrt(square - 2 * variance * math.log(1 - rng.random()))) / 2
    high = (middle + math.sqrt(square - 2 * variance * math.log(1 - rng.random()))) / 2
    return low, high


class RegimeMarket:
    """A market of some symbols from ``start`` on, one step of each every ``step_s`` seconds, the first at ``start``."""

    __slots__ = ("_delta", "_next", "_paths", "_rng", "_source", "_start")

    def __init__(
        self,
        symbols: Sequence[str],
        seed: int,
        start: datetime,
        step_s: float = 1.0,
        start_prices: Mapping[str, float] | None = None,
    ) -> None:
        """``start_prices``: where symbols begin, in place of their instruments' own, so that a market can go on."""
        if step_s < 1e-3 or not symbols:
            raise ValueError(f"expected some symbols and steps of 1 ms or more, found {list(symbols)} and {step_s} s")
        self._start, self._delta = start, timedelta(seconds=step_s)
        self._rng = Random(f"{seed}:market")  # noqa: S311 (seeded on purpose)
        self._paths = [
            _Path(symbol, _begun(symbol, start_prices or {}), Random(f"{seed}:{symbol}"))  # noqa: S311
            for symbol in sorted(set(symbols))
        ]
        self._source = self._run()
        self._next = next(self._source)

    @property
    def symbols(self) -> Sequence[str]:
        """The symbols, in the order of their names."""
        return tuple(path.symbol for path in self._paths)

    def steps(self, until: datetime) -> Iterator[Step]:
        """The steps behind the last one given out, up to and with an instant, in the order of time, ties by symbol."""
        while self._next.quote.ts <= until:
            step, self._next = self._next, next(self._source)
            yield step

    def _run(self) -> Iterator[Step]:
        for path in self._paths:
            yield path.first(self._start)
        count, dt = 0, self._delta.total_seconds()
        while True:
            count += 1
            ts, common = self._start + count * self._delta, self._rng.gauss(0, 1)
            for path in self._paths:
                yield path.step(ts, dt, common)
