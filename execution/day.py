"""The trading day of the account: where it began, its peak, and what was realised since, in the reset time zone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import pytz


@dataclass(slots=True)
class Day:
    """Equity in USD, null before the day's first tick. ``realized_usd``: by symbol, gross of fees."""

    timezone: str
    today: date | None = None
    start_equity_usd: float | None = None
    peak_equity_usd: float | None = None
    realized_usd: dict[str, float] = field(default_factory=dict)

    def see(self, now: datetime, equity_usd: float) -> None:
        """Takes a tick into the day it belongs to; the first of a new day begins it."""
        self.turn(now)
        if equity_usd > 0:
            self.start_equity_usd = equity_usd if self.start_equity_usd is None else self.start_equity_usd
            self.peak_equity_usd = max(equity_usd, self.peak_equity_usd or equity_usd)

    def turn(self, now: datetime) -> None:
        """Begins a new day where the last one is over."""
        today = now.astimezone(pytz.timezone(self.timezone)).date()
        if today != self.today:
            self.today = today
            self.start_equity_usd = self.peak_equity_usd = None
            self.realized_usd = {}

    def realize(self, symbol: str, pnl_usd: float) -> None:
        self.realized_usd[symbol] = self.realized_usd.get(symbol, 0.0) + pnl_usd

    def end(self, now: datetime) -> datetime:
        """When the day of an instant is over."""
        zone = pytz.timezone(self.timezone)
        tomorrow = now.astimezone(zone).date() + timedelta(days=1)
        return zone.localize(datetime(tomorrow.year, tomorrow.month, tomorrow.day))

    def resume(self, now: datetime, nav: Mapping[str, Any] | None) -> None:
        """Takes up the day from a published nav.json, so that a restart forgets no loss.

        The day's start is the first point of today that the file still has, which is exact for some eight hours.
        """
        self.turn(now)
        points = [] if nav is None else nav["series"]
        zone = pytz.timezone(self.timezone)
        today = [
            point["equity"]
            for point in points
            if datetime.fromisoformat(point["t"]).astimezone(zone).date() == self.today
        ]
        if nav is not None and today:
            self.start_equity_usd = today[0]
            self.peak_equity_usd = max(*today, nav["total_equity"] + nav["drawdown_abs"])
