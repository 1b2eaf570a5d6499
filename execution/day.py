"""The trading day of the account in the reset time zone: its start, its peak, and its realised PnL.

Laws kept here: a day is only followed by a later one, so late news of yesterday neither ends today nor counts in it; a
restart may make the day worse than it was, never better.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from math import isfinite
from typing import Any

import pytz

SERIES_POINTS = 500
"""Points that a published NAV series has at most (semantics 11)."""


@dataclass(slots=True)
class Day:
    """Equity in USD, null before the day's first tick. ``realized_usd``: of this run by symbol, gross of fees.

    From earlier runs of the day: ``carried_usd`` is the PnL realised over all symbols, ``lost_usd`` the losses by
    symbol.
    """

    timezone: str
    today: date | None = None
    start_equity_usd: float | None = None
    peak_equity_usd: float | None = None
    realized_usd: dict[str, float] = field(default_factory=dict)
    carried_usd: float = 0.0
    lost_usd: dict[str, float] = field(default_factory=dict)

    def see(self, now: datetime, equity_usd: float) -> None:
        """Add a tick to its day; the first tick of a new day begins the day. Unknown equity changes nothing."""
        self.turn(now)
        if equity_usd > 0 and isfinite(equity_usd) and self._date(now) == self.today:
            self.start_equity_usd = equity_usd if self.start_equity_usd is None else self.start_equity_usd
            self.peak_equity_usd = max(equity_usd, self.peak_equity_usd or equity_usd)

    def turn(self, now: datetime) -> None:
        """Begin a new day if the last one is over."""
        today = self._date(now)
        if self.today is None or today > self.today:
            self.today = today
            self.start_equity_usd = self.peak_equity_usd = None
            self.realized_usd, self.lost_usd, self.carried_usd = {}, {}, 0.0

    def realize(self, ts: datetime, symbol: str, pnl_usd: float) -> None:
        """Add a close to its day; a close of an earlier day is left out."""
        self.turn(ts)
        if self._date(ts) == self.today:
            self.realized_usd[symbol] = self.realized_usd.get(symbol, 0.0) + pnl_usd

    @property
    def pnl_usd(self) -> float:
        """Return today's realised PnL over all symbols, including earlier runs."""
        return self.carried_usd + sum(self.realized_usd.values())

    def pnl_by_symbol(self) -> dict[str, float]:
        """Return today's realised PnL by symbol; of earlier runs only the losses."""
        symbols = {**self.realized_usd, **self.lost_usd}
        return {name: self.realized_usd.get(name, 0.0) - self.lost_usd.get(name, 0.0) for name in sorted(symbols)}

    def end(self, now: datetime) -> datetime:
        """Return when the day of an instant ends: the first instant of a later date, UTC.

        If the clocks skip midnight, the day ends at the change; if midnight comes twice, the first counts.
        """
        zone, tomorrow = pytz.timezone(self.timezone), self._date(now) + timedelta(days=1)
        midnight = datetime(tomorrow.year, tomorrow.month, tomorrow.day)
        both = [zone.localize(midnight, is_dst=is_dst).astimezone(UTC) for is_dst in (True, False)]
        return min((instant for instant in both if self._date(instant) >= tomorrow), default=max(both))

    def resume(self, now: datetime, nav: Mapping[str, Any] | None) -> None:
        """Restore the day from a published nav.json, so that a restart forgets no loss.

        The day's start is the first point of today. If the series holds only points of today, the start may be missing:
        then the day's peak is used, which is not lower.

        Raises LookupError, TypeError or ValueError if the document has another shape; then nothing is restored.
        """
        self.turn(now)
        if nav is None:
            return
        points = [(self._date(_instant(point["t"])), point["equity"]) for point in nav["series"]]
        today = [float(equity) for day, equity in points if day == self.today and equity is not None]
        if not today:
            return
        peaks, (total_usd, below_usd) = list(today), (nav["total_equity"], nav["drawdown_abs"])
        if total_usd is not None and below_usd is not None:
            peaks.append(total_usd + below_usd)
        carried_usd = float(nav["realized_pnl_today"] or 0.0)
        has_start = len(points) < SERIES_POINTS or points[0][0] != self.today
        self.peak_equity_usd, self.carried_usd = max(peaks), carried_usd
        self.start_equity_usd = today[0] if has_start else self.peak_equity_usd

    def resume_losses(self, as_of: datetime, drawdown_pct: Mapping[str, float]) -> None:
        """Restore the losses of symbols from their published drawdowns, per cent of the day's start, <= 0.

        The drawdowns count from the symbol's best of the day and include unrealised PnL, so they are about the realised
        losses.
        """
        if self._date(as_of) == self.today and self.start_equity_usd is not None:
            share = self.start_equity_usd / 100
            self.lost_usd = {symbol: -pct * share for symbol, pct in drawdown_pct.items() if pct < 0}

    def _date(self, instant: datetime) -> date:
        return instant.astimezone(pytz.timezone(self.timezone)).date()


def _instant(text: str) -> datetime:
    """RFC 3339, without an offset UTC."""
    instant = datetime.fromisoformat(text)
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
