"""Funding of an account at an exchange: read now and then, each payment told once."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime, timedelta

from tape.execution.venues.binance_rows import Row, instant_of, ms_of, number_of, text_of
from tape.execution.venues.ccxt_progress import Funding
from tape.execution.venues.ccxt_requests import Requests
from tape.execution.venues.venue import DOLLARS, FundingPaid, VenueUnavailable

_LOG = logging.getLogger("tape.execution.venues.ccxt")
PAGE = 1000
"""Payments of one answer, the most that the exchange gives."""
_EVERY = timedelta(minutes=5)
"""The exchange settles it every hour at most."""


class FundingReader:
    """Reads what funding was paid; ``state``: how far it was read and told."""

    def __init__(self, name: str, requests: Requests) -> None:
        """``name``: of the venue, for messages."""
        self.state = Funding()
        self._name = name
        self._requests = requests
        self._due: datetime | None = None
        self._is_failing = False

    def copy(self) -> Funding:
        """Return the state as it stands now."""
        return replace(self.state, seen=list(self.state.seen), untold=list(self.state.untold))

    def told(self, now: datetime) -> list[FundingPaid]:
        """Return what was paid up to ``now`` and not told yet; it is told now."""
        due = [paid for paid in self.state.untold if paid.ts <= now]
        self.state.untold = [paid for paid in self.state.untold if paid.ts > now]
        return due

    def read(self, now: datetime, since_ms: int) -> None:
        """Reads on where it is due, from ``since_ms`` at first; where that fails it is said, and read later."""
        if self._due is not None and self._due - _EVERY <= now < self._due:
            return
        self._due = now + _EVERY
        begin_ms = since_ms if self.state.from_ms is None else self.state.from_ms
        asked = {"incomeType": "FUNDING_FEE", "startTime": begin_ms, "limit": PAGE}
        try:
            rows = self._requests.rows("fapiPrivateGetIncome", asked)
            paid = sorted(((ms_of(instant_of(row, "time")), row) for row in rows), key=lambda entry: entry[0])
            for ms, row in paid:
                self._take(ms, row)
        except VenueUnavailable as error:
            if not self._is_failing:
                _LOG.warning("%s: funding cannot be read at present: %s", self._name, error)
            self._is_failing = True
        else:
            self._is_failing = False
            if len(rows) >= PAGE:
                self._due = now  # there is more

    def _take(self, ms: int, row: Row) -> None:
        """Takes a payment that was not read before."""
        state = self.state
        name = f"{text_of(row, 'tranId')} {text_of(row, 'symbol')}"
        if name in state.seen:
            return
        if ms != state.from_ms:
            state.from_ms, state.seen = ms, []
        state.seen.append(name)
        amount, asset = number_of(row, "income"), str(row.get("asset")).strip().upper()
        if asset in DOLLARS:
            state.untold.append(FundingPaid(text_of(row, "symbol"), instant_of(row, "time"), amount))
        else:
            text = "%s: funding %s of %s %s has no price: it is left out"
            _LOG.error(text, self._name, name, amount, asset)
