"""Funding and transfers of an account at an exchange: read now and then, each told once."""

from __future__ import annotations

import logging
from collections.abc import Container, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from tape.execution.venues.binance_rows import Row, instant_of, ms_of, number_of, text_of
from tape.execution.venues.ccxt_progress import Funding
from tape.execution.venues.ccxt_requests import Requests
from tape.execution.venues.venue import DOLLARS, FundingPaid, Quote, Transferred, VenueUnavailable

_LOG = logging.getLogger("tape.execution.venues.ccxt")
PAGE = 1000
"""Payments of one answer, the most that the exchange gives."""
_EVERY = timedelta(minutes=5)
"""The exchange settles funding every hour at most."""
_TRANSFERS_EVERY = timedelta(minutes=1)
"""A wallet that moved without a trade is asked about at once: a transfer is told before a tick that shows it."""


class PaymentReader:
    """Reads payments of one kind; ``state``: how far they were read and told."""

    what, income_type, every = "funding", "FUNDING_FEE", _EVERY

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

    def told(self, now: datetime) -> list[FundingPaid | Transferred]:
        """Return what was paid up to ``now`` and not told yet; it is told now."""
        due = [paid for paid in self.state.untold if paid.ts <= now]
        self.state.untold = [paid for paid in self.state.untold if paid.ts > now]
        return due

    def read(self, now: datetime, since_ms: int, quotes: Mapping[str, Quote], *, at_once: bool = False) -> None:
        """Reads on where it is due, from ``since_ms`` at first; where that fails it is said, and read later."""
        if not at_once and self._due is not None and self._due - self.every <= now < self._due:
            return
        self._due = now + self.every
        begin_ms = since_ms if self.state.from_ms is None else self.state.from_ms
        asked = {"incomeType": self.income_type, "startTime": begin_ms, "limit": PAGE}
        try:
            rows = self._requests.rows("fapiPrivateGetIncome", asked)
            paid = sorted(((ms_of(instant_of(row, "time")), row) for row in rows), key=lambda entry: entry[0])
            for ms, row in paid:
                self._take(ms, row, quotes)
        except VenueUnavailable as error:
            if not self._is_failing:
                _LOG.warning("%s: %s cannot be read at present: %s", self._name, self.what, error)
            self._is_failing = True
        else:
            self._is_failing = False
            if len(rows) >= PAGE:
                self._due = now  # there is more

    def _take(self, ms: int, row: Row, quotes: Mapping[str, Quote]) -> None:
        """Takes a payment that was not read before."""
        state = self.state
        name = self._id_of(row)
        if name in state.seen:
            return
        if ms != state.from_ms:
            state.from_ms, state.seen = ms, []
        state.seen.append(name)
        amount, asset = number_of(row, "income"), str(row.get("asset")).strip().upper()
        if (price := _price(asset, quotes)) is not None:
            state.untold.append(self._paid(row, name, asset, amount, amount * price))
        else:
            text = "%s: %s %s of %s %s has no price: it is left out"
            _LOG.error(text, self._name, self.what, name, amount, asset)

    def _id_of(self, row: Row) -> str:
        return f"{text_of(row, 'tranId')} {text_of(row, 'symbol')}"

    def _paid(self, row: Row, name: str, asset: str, amount: float, amount_usd: float) -> FundingPaid | Transferred:
        return FundingPaid(text_of(row, "symbol"), instant_of(row, "time"), amount_usd)


class TransferReader(PaymentReader):
    """Reads transfers between the futures account and other accounts of its owner."""

    what, income_type, every = "transfer", "TRANSFER", _TRANSFERS_EVERY

    def _id_of(self, row: Row) -> str:
        return f"{text_of(row, 'tranId')} {text_of(row, 'asset')}"

    def _paid(self, row: Row, name: str, asset: str, amount: float, amount_usd: float) -> FundingPaid | Transferred:
        return Transferred(name, instant_of(row, "time"), asset, amount, amount_usd, "internal")


def _price(asset: str, quotes: Mapping[str, Quote]) -> float | None:
    """Dollars for one unit of an asset; null: it has no price."""
    if asset in DOLLARS:
        return 1.0
    return next((quotes[symbol].mark for dollar in DOLLARS if (symbol := asset + dollar) in quotes), None)


def held_assets(account: Row) -> set[str]:
    """The assets that an account holds; fees may be paid in any of them."""
    assets = account.get("assets")
    rows = [row for row in assets if isinstance(row, dict)] if isinstance(assets, list) else []
    return {text_of(row, "asset").strip().upper() for row in rows if number_of(row, "walletBalance") > 0}


def fee_symbols(assets: Iterable[str], symbols: Container[str], listed: Container[str]) -> set[str]:
    """The symbols that tell what fees in these assets are worth: the first listed one of each that no symbol has.

    Fees are paid in what an account holds, and its price must stand before the first trade.
    """
    found: set[str] = set()
    for asset in assets:
        named = [asset + dollar for dollar in DOLLARS]
        if asset not in DOLLARS and not any(symbol in symbols for symbol in named):
            found.update([symbol for symbol in named if symbol in listed][:1])
    return found
