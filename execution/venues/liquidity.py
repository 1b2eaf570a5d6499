"""What a book would have given: made-up depth, queues, impact and chance for orders that no book has seen.

Laws kept here:
- values in, values out: nothing here knows the time or an account;
- what is left to chance is drawn once per order, from the seed and the order's number: what happens to one order
  depends neither on the others nor on how often the venue is asked;
- prices are quote/base; quantities are whole units (``tape.execution.positions.UNITS``).
"""

from __future__ import annotations

import math
from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import NamedTuple

from tape.execution.positions import UNITS
from tape.execution.venues.market import Step
from tape.execution.venues.venue import Quote, Side, sign

DEPTH_USD = {"BTCUSDT": 600_000.0, "ETHUSDT": 400_000.0, "SOLUSDT": 150_000.0}
OTHER_DEPTH_USD = 30_000.0
"""What stands at the touch of one side; of a symbol that is not listed, the second."""

IMPACT_BPS = 2.0
"""What an order of the whole depth pays beyond the touch, before chance."""

LATENCY_MEDIAN_S, LATENCY_SIGMA, LATENCY_MIN_S = 0.060, 0.35, 0.001
SECOND_TRADE_S = (0.001, 0.020)


class Chance(NamedTuple):
    """What is left to chance for one order: shares and ``impact`` are factors; ``two``, in [0, 1), decides on a second
    trade."""

    latency: timedelta
    cancel_latency: timedelta
    second_after: timedelta
    queue_share: float
    impact: float
    first_share: float
    two: float


def chance(seed: int, number: int) -> Chance:
    """The draws of the order with this number."""
    rng = Random(f"{seed}:order:{number}")  # noqa: S311 (seeded on purpose)
    return Chance(
        latency=_latency(rng),
        cancel_latency=_latency(rng),
        second_after=timedelta(seconds=rng.uniform(*SECOND_TRADE_S)),
        queue_share=rng.uniform(0.2, 1.0),
        impact=rng.uniform(0.5, 1.5),
        first_share=rng.uniform(0.4, 0.8),
        two=rng.random(),
    )


def _latency(rng: Random) -> timedelta:
    return timedelta(seconds=max(LATENCY_MIN_S, rng.lognormvariate(math.log(LATENCY_MEDIAN_S), LATENCY_SIGMA)))


def funding_rate(seed: int, symbol: str, instant: str) -> float:
    """What longs pay shorts at a funding instant, as a fraction of the notional: about 0.5 bps, within 3 bps."""
    rng = Random(f"{seed}:funding:{symbol}:{instant}")  # noqa: S311 (seeded on purpose)
    return max(-3e-4, min(3e-4, rng.gauss(5e-5, 8e-5)))


def depth_units(symbol: str, price: float) -> int:
    """What stands at the touch of one side."""
    return int(DEPTH_USD.get(symbol, OTHER_DEPTH_USD) / price * UNITS)


def whole_lots(units: int, price: float) -> int:
    """Units rounded down to lots: the largest power of ten of base units that is worth at most one dollar."""
    lot = int(10 ** max(0, math.floor(math.log10(UNITS / price))))
    return units - units % lot


def touch(side: Side, quote: Quote) -> float:
    """The price at which a taker of this side trades at once."""
    return quote.ask if side == "BUY" else quote.bid


def crosses(side: Side, limit_price: float, quote: Quote) -> bool:
    """A limit that would take."""
    return limit_price >= quote.ask if side == "BUY" else limit_price <= quote.bid


def worse_of(side: Side, price: float, other: float) -> float:
    """The price that is worse for the one who trades."""
    return max(price, other) if side == "BUY" else min(price, other)


def better_of(side: Side, price: float, other: float) -> float:
    """The price that is better for the one who trades."""
    return min(price, other) if side == "BUY" else max(price, other)


def taker_price(side: Side, units: int, limit_price: float | None, quote: Quote, drawn: Chance) -> float:
    """The touch plus an impact that grows with size over depth, on the quote's decimals, never beyond the limit."""
    price = touch(side, quote)
    impact_bps = IMPACT_BPS * drawn.impact * units / max(1, depth_units(quote.symbol, price))
    pushed = round(price * (1 + sign(side) * impact_bps / 1e4), max(_decimals(quote.bid), _decimals(quote.ask)))
    pushed = worse_of(side, pushed, price)
    return pushed if limit_price is None else better_of(side, pushed, limit_price)


def first_part(units: int, quote: Quote, drawn: Chance) -> int:
    """How much of a taker order trades at once: all of it, or a part where it is large or chance will have it."""
    size = units / max(1, depth_units(quote.symbol, quote.mid))
    part = whole_lots(int(units * drawn.first_share), quote.mid) if drawn.two < 0.2 + size else 0
    return part or units


def queue_ahead(side: Side, limit_price: float, quote: Quote, drawn: Chance) -> int:
    """What stands before a new resting order: nothing inside the spread, else a share of the depth."""
    best = quote.bid if side == "BUY" else quote.ask
    inside = sign(side) * (limit_price - best) > 0
    return 0 if inside else int(depth_units(quote.symbol, limit_price) * drawn.queue_share)


class Reach(NamedTuple):
    """What a step meant for a resting price: it was traded through or just reached, and ``units`` came that way."""

    through: bool
    units: int


def reach(side: Side, limit_price: float, step: Step) -> Reach | None:
    """How far a step came to a resting price; null: not to it.

    Where a step tells of no trades, a quote that crosses the price stands for as much as the depth at the touch.
    """
    traded = step.low if side == "BUY" else step.high
    end = touch(side, step.quote) if traded is None else traded
    beyond = sign(side) * (limit_price - end)
    if beyond < 0:
        return None
    if traded is None:
        return Reach(beyond > 0, depth_units(step.quote.symbol, limit_price))
    return Reach(beyond > 0, int((step.sold if side == "BUY" else step.bought) * UNITS))


def _decimals(price: float) -> int:
    """Decimals of the shortest text that stands for a price: 8e-06 has six."""
    exponent = Decimal(repr(price)).normalize().as_tuple().exponent
    return max(1, -int(exponent))
