"""The quotes of this tick and of the tick before; events in between happened in the market of the older one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tape.execution.intents import Intent
from tape.execution.risk_limits import Veto
from tape.execution.venues.venue import Quote

QUOTE_MAX_AGE = timedelta(seconds=90)
"""An older quote is no market of the moment: it is no mark, and nothing is entered by it."""


def is_fresh(quote: Quote, now: datetime) -> bool:
    """Return whether a quote is recent enough to be the present market."""
    return now - quote.ts <= QUOTE_MAX_AGE


@dataclass(slots=True)
class Markets:
    """Quotes by symbol."""

    now: dict[str, Quote] = field(default_factory=dict)
    before: dict[str, Quote] = field(default_factory=dict)

    def turn(self, quotes: Mapping[str, Quote]) -> None:
        """Replace the quotes with those of a new tick."""
        self.before, self.now = self.now, dict(quotes)

    def at(self, symbol: str, ts: datetime) -> Quote | None:
        """Return the newest known quote that was valid at an instant, and recent then.

        A price alone is asked for because of a trade, so that the first one comes after it: it speaks for that trade
        as long as it is of its moment.
        """
        for quote in (self.now.get(symbol), self.before.get(symbol)):
            if quote is not None and quote.is_price_only and is_fresh(quote, ts) and quote.ts - ts <= QUOTE_MAX_AGE:
                return quote
            if quote is not None and quote.ts <= ts:
                return quote if is_fresh(quote, ts) else None
        return None

    def fresh(self, now: datetime) -> dict[str, Quote]:
        """Return the recent quotes."""
        return {symbol: quote for symbol, quote in self.now.items() if is_fresh(quote, now)}


def market_veto(intent: Intent, quote: Quote | None, now: datetime) -> Veto | None:
    """Veto an intent without a market, and an entry in an old market; leaving a position is always allowed."""
    if quote is None:
        return Veto(now, "no_quote", ("no_quote",), {}, {})
    if intent.reduce_only or is_fresh(quote, now):
        return None
    max_age_s, age_s = QUOTE_MAX_AGE.total_seconds(), (now - quote.ts).total_seconds()
    return Veto(now, "quote_stale", ("quote_stale",), {"quote_max_age_s": max_age_s}, {"quote_age_s": age_s})
