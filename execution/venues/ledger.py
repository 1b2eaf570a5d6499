"""The account of a simulated venue: wallet, lots, fees, margin.

Laws kept here:
- cash accounting: wallet = start + realised PnL - fees + funding, equity = wallet + unrealised PnL at the marks;
- there is margin for opening, and no liquidation: an account that loses everything goes below zero;
- closing needs no margin; what is open has a mark, since it was traded at a quote.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from tape.execution.positions import PositionBook, to_qty
from tape.execution.venues.venue import DOLLARS, Account, Holding, PositionSide, Quote, Side, Traded, sign


@dataclass(frozen=True, slots=True)
class Fees:
    """Basis points of the notional; positive is paid."""

    maker_bps: float = 2.0
    taker_bps: float = 5.0

    def of(self, notional_usd: float, is_maker: bool) -> float:
        """The fee of a trade, USD."""
        return notional_usd * (self.maker_bps if is_maker else self.taker_bps) / 1e4


@dataclass(slots=True)
class Charged:
    """The fees of an order so far, in the asset they are paid in and in dollars."""

    amount: float = 0.0
    usd: float = 0.0


@dataclass(slots=True)
class Ledger:
    """``leverage``: of every symbol; the initial margin is the notional over it.

    ``fee_asset``: what fees are paid in; the wallet is charged what they are worth.
    """

    wallet_usd: float
    fees: Fees
    leverage: float
    book: PositionBook = field(default_factory=PositionBook)
    fee_asset: str = DOLLARS[0]

    def apply(self, trade: Traded, fee_usd: float | None = None) -> None:
        """Books what a trade realised, and its fee: ``fee_usd``, else the trade's own, which is in dollars then."""
        realized = self.book.apply(trade)
        self.wallet_usd += (realized.pnl_usd if realized else 0.0) - (trade.fee if fee_usd is None else fee_usd)

    def fee_quote(self, quotes: Mapping[str, Quote]) -> Quote | None:
        """The market that tells what the asset is worth that fees are paid in; null: they are paid in dollars."""
        return None if self.fee_asset in DOLLARS else quotes[self.fee_asset + DOLLARS[0]]

    def charge(
        self, before: Charged, notional_usd: float, is_maker: bool, quote: Quote | None
    ) -> tuple[float, float | None]:
        """The fee of a trade in its asset, and what the wallet pays for it where that is no dollar.

        All fees of an order are settled at the price of its last trade: what its earlier ones were charged is put
        right. So one price tells what an order's fees were worth.
        """
        fee_usd = self.fees.of(notional_usd, is_maker)
        if quote is None:
            return fee_usd, None
        before.amount += fee_usd / quote.mark
        charged, before.usd = before.usd, before.amount * quote.mark
        return fee_usd / quote.mark, before.usd - charged

    def fund(self, symbol: str, mark: float, rate: float, position_side: PositionSide = "BOTH") -> float:
        """Books the funding of a position at a rate, and tells it: longs pay where the rate is positive, USD."""
        amount_usd = -self.book.qty(symbol, position_side) * mark * rate
        self.wallet_usd += amount_usd
        return amount_usd

    def reducible(self, symbol: str, side: Side, position_side: PositionSide = "BOTH") -> int:
        """The units that an order of this side can take off the position that it names."""
        return max(0, -sign(side) * self.book.units(symbol, position_side))

    def opens_usd(self, symbol: str, signed_units: int, price: float, position_side: PositionSide = "BOTH") -> float:
        """The notional by which an order, traded whole, would enlarge the position that it names, as it is now."""
        position = self.book.units(symbol, position_side)
        return to_qty(max(0, abs(position + signed_units) - abs(position))) * price

    def covers(self, opens_usd: float, others_usd: float, quotes: Mapping[str, Quote]) -> bool:
        """The equity covers the margin of what is held, of other open orders, and of a new one with its taker's fee."""
        if opens_usd <= 0:
            return True
        held_usd = sum(abs(self.book.qty(symbol, leg)) * quotes[symbol].mark for symbol, leg in self.book.legs())
        needed_usd = (held_usd + others_usd + opens_usd) / self.leverage + self.fees.of(opens_usd, False)
        return needed_usd <= self.wallet_usd + self.unrealized_usd(quotes)

    def unrealized_usd(self, quotes: Mapping[str, Quote]) -> float:
        """The unrealised PnL at the marks."""
        return self.book.unrealized_usd({symbol: quotes[symbol].mark for symbol in self.book.symbols()})

    def account(self, ts: datetime, quotes: Mapping[str, Quote]) -> Account:
        """The account as the venue states it."""
        unrealized = self.unrealized_usd(quotes)
        holdings = tuple(
            Holding(symbol, self.book.qty(symbol, leg), entry_price, self.leverage)
            for symbol, leg in self.book.legs()
            if (entry_price := self.book.entry_price(symbol, leg)) is not None
        )
        return Account(ts, self.wallet_usd + unrealized, self.wallet_usd, unrealized, holdings)
