"""What a venue is to the executor: quotes and an account to look at, orders in, updates out.

Laws kept here:
- a venue is told the time, it never reads a clock that the executor does not know; an update is never younger than the
  instant up to which the venue was asked to go on;
- what happens to an order comes out of ``advance`` alone, in the order of time, each thing once: first its
  acknowledgement, then its fills, then its end;
- prices are quote/base, quantities base units, money USD; the quote currency counts as one dollar.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

Side = Literal["BUY", "SELL"]

PositionSide = Literal["BOTH", "LONG", "SHORT"]
"""Which position of a symbol is meant. LONG and SHORT: an account in hedge mode holds both at once. BOTH: an account in
one-way mode has one position, or the venue does not say."""

DOLLARS = ("USDT", "USDC", "USD", "FDUSD", "BUSD")
"""Currencies that count as one dollar."""

Leg = Literal["LONG", "SHORT"]
LEGS: tuple[Leg, Leg] = ("LONG", "SHORT")

WOULD_TAKE = "would take"
"""The reason of an end, on every venue: a post-only order was refused because it would have traded at once."""


def sign(side: Side) -> int:
    """1 for BUY, -1 for SELL."""
    return 1 if side == "BUY" else -1


def leg_of(side: Side, reduce_only: bool) -> Leg:
    """The position that an order moves in hedge mode: a BUY opens LONG or reduces SHORT, a SELL the other way round."""
    return "LONG" if (side == "BUY") != reduce_only else "SHORT"


@dataclass(frozen=True, slots=True)
class Quote:
    """The market of one symbol at one moment; ``bid <= ask``, all positive.

    ``is_price_only``: it tells what an asset is worth that fees are paid in, and is no market to trade in.
    """

    symbol: str
    ts: datetime
    bid: float
    ask: float
    mark: float
    is_price_only: bool = False

    @property
    def mid(self) -> float:
        return (self.bid + self.ask) / 2


@dataclass(frozen=True, slots=True)
class Holding:
    """One open position: ``qty`` signed, negative is short; ``entry_price`` the average of what is still open."""

    symbol: str
    qty: float
    entry_price: float
    leverage: float | None


@dataclass(frozen=True, slots=True)
class Account:
    """The account as the venue states it: ``equity_usd`` is wallet plus unrealised PnL.

    ``is_hedged``: the venue says that the account is in hedge mode, and may list two positions of one symbol.
    """

    ts: datetime
    equity_usd: float
    wallet_usd: float
    unrealized_pnl_usd: float
    holdings: tuple[Holding, ...]
    is_hedged: bool = False


@dataclass(frozen=True, slots=True)
class Order:
    """An order as it is sent. ``limit_price`` None: a market order. ``post_only``: refused where it would take.

    ``position_side``: the position that it opens or reduces, in hedge mode.
    """

    client_order_id: str
    symbol: str
    side: Side
    qty: float
    limit_price: float | None = None
    post_only: bool = False
    reduce_only: bool = False
    position_side: PositionSide = "BOTH"

    @property
    def order_type(self) -> str:
        return "MARKET" if self.limit_price is None else "LIMIT"


@dataclass(frozen=True, slots=True)
class Acked:
    """The venue took an order. ``latency_ms``: from submitting to here.

    ``quote``, of this and of the other updates: the market that it happened in, where the venue knows better than the
    quotes of two ticks do.
    """

    client_order_id: str
    order_id: str
    symbol: str
    ts: datetime
    status: str
    latency_ms: float | None
    quote: Quote | None = None


@dataclass(frozen=True, slots=True)
class Traded:
    """One trade of an own order. ``fee`` in ``fee_asset``, positive is paid; ``status``: of the order behind it.

    ``quote``: the market that stood before the trade. The one that stands after it has moved through the price of a
    resting order, which would then look as if it had paid. ``fee_quote``: the market of the asset that the fee is paid
    in, in dollars, where the venue knows better than the quotes of two ticks do.
    """

    client_order_id: str
    order_id: str
    trade_id: str
    symbol: str
    side: Side
    ts: datetime
    qty: float
    price: float
    fee: float
    fee_asset: str
    is_maker: bool
    status: Literal["PARTIALLY_FILLED", "FILLED"]
    position_side: PositionSide = "BOTH"
    quote: Quote | None = None
    fee_quote: Quote | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """An order that is not filled ended. ``order_id`` None: it was refused before it had one."""

    client_order_id: str
    order_id: str | None
    symbol: str
    ts: datetime
    status: Literal["CANCELED", "EXPIRED", "REJECTED"]
    reason: str
    quote: Quote | None = None


@dataclass(frozen=True, slots=True)
class FundingPaid:
    """Funding of a position; ``amount_usd`` negative is paid."""

    symbol: str
    ts: datetime
    amount_usd: float


TransferKind = Literal["deposit", "withdrawal", "internal"]


@dataclass(frozen=True, slots=True)
class Transferred:
    """Money or an asset came into the account or left it, by a transfer with an id of the venue's.

    ``amount`` is a quantity of the asset; what left the account is negative, as is ``amount_usd`` then.
    """

    transfer_id: str
    ts: datetime
    asset: str
    amount: float
    amount_usd: float
    kind: TransferKind


Update = Acked | Traded | Ended | FundingPaid | Transferred


class VenueUnavailable(Exception):
    """The venue cannot be asked at present; the executor goes on, and asks again."""


class Venue(Protocol):
    """What the executor needs of a venue. No method waits longer than the venue's own time limit."""

    @property
    def name(self) -> str: ...

    def advance(self, now: datetime) -> Sequence[Update]:
        """Goes on to an instant and tells what happened since the last one.

        Raises:
            VenueUnavailable: the venue cannot be asked.
        """
        ...

    def quotes(self) -> Mapping[str, Quote]:
        """The newest quote of each symbol that has one, as of the last ``advance``."""
        ...

    def account(self) -> Account:
        """The account as of the last ``advance``."""
        ...

    def submit(self, order: Order) -> None:
        """Sends an order; a refusal comes out of ``advance`` as ``Ended``."""
        ...

    def cancel(self, client_order_id: str) -> None:
        """Asks for the end of an order; what came of it comes out of ``advance``."""
        ...
