"""Which symbols are switched off: what is published of it (ops, runs before), and the guard of this run.

Laws kept here:
- the newest risk snapshot that could be read holds; one that is missing or broken switches nothing on again;
- a snapshot may not have a toggle of its own instant yet, so the guard's own toggles hold GRACE beyond theirs;
- a symbol that has lost its cap is switched off until its day is over. When ops switch it on again, it takes the loss
  of another cap; a restart begins with the losses of the day, and may switch it off again.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from tape.execution.day import Day
from tape.execution.events import SymbolToggled

GRACE = timedelta(seconds=30)
Disabled = dict[str, datetime | None]
"""Symbol -> when that ends, null: when it is switched on again."""


class Toggles:
    """The symbols that are switched off."""

    def __init__(self) -> None:
        self._as_of = datetime.min.replace(tzinfo=UTC)
        self._published: Disabled = {}
        self._own: dict[str, SymbolToggled] = {}
        self._counted: dict[str, tuple[datetime, float]] = {}
        """By symbol: the end of a day, and the PnL of that day down to which its losses are done with, USD."""

    def read(self, published: tuple[datetime, Mapping[str, datetime | None]] | None) -> None:
        """Takes what is published, where it could be read."""
        if published is not None:
            self._as_of, self._published = published[0], dict(published[1])

    def disabled(self, now: datetime) -> Disabled:
        """What is switched off at an instant."""
        own = {symbol: off.until_ts for symbol, off in self._own.items() if off.ts + GRACE > self._as_of}
        off = {**self._published, **own}
        return {symbol: until for symbol, until in off.items() if until is None or until > now}

    def guard(self, now: datetime, day: Day, cap_pct: float | None) -> list[SymbolToggled]:
        """Switches off what has lost ``cap_pct`` per cent of the day's first equity; what is to be put on record."""
        if cap_pct is None or day.start_equity_usd is None:
            return []
        disabled, end = self.disabled(now), day.end(now)
        toggles = []
        for symbol, pnl_usd in day.pnl_by_symbol().items():
            counted_end, counted_usd = self._counted.get(symbol, (now, 0.0))
            lost_usd = (counted_usd if counted_end > now else 0.0) - pnl_usd
            if 100 * lost_usd / day.start_equity_usd < cap_pct:
                continue
            self._counted[symbol] = (end, pnl_usd)
            until = disabled.get(symbol, now)
            if until is not None and until < end:
                reason = f"lost {cap_pct:g} % of the day's NAV"
                toggles.append(SymbolToggled(ts=now, symbol=symbol, is_disabled=True, until_ts=end, reason=reason))
        self._own.update({toggle.symbol: toggle for toggle in toggles})
        return toggles
