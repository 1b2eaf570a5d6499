"""A venue that trades on paper: orders, fills, fees, funding and an account over any market.

Laws kept here, besides those of ``execution/venues/venue.py``:
- an order, its cancel and the second part of a large trade reach the book at instants of their own, which stand in one
  queue and run between the market's steps; at the same instant the market's step comes first. So what happens does not
  depend on how often ``advance`` is called;
- an order reaches the book after a latency, and trades at the quote that stands then. A refused order is never
  acknowledged. FILLED means the whole of the order's quantity: a ``reduce_only`` order that is larger than the position
  trades what there is to reduce, and ends EXPIRED;
- a resting order waits behind its queue. Volume that traded while the range reached its price takes the queue first;
  a range through the price fills it; no step fills more than the volume that traded on that side;
- everything left to chance comes from the seed and the number of the order (``liquidity.chance``).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from functools import partial
from heapq import heappop, heappush
from typing import Any, Literal

from tape.execution.positions import PositionBook, to_qty, to_units
from tape.execution.venues import liquidity
from tape.execution.venues.ledger import Charged, Fees, Ledger
from tape.execution.venues.liquidity import Chance
from tape.execution.venues.market import Market, Step
from tape.execution.venues.venue import (
    DOLLARS,
    WOULD_TAKE,
    Account,
    Acked,
    Ended,
    FundingPaid,
    Order,
    Quote,
    Traded,
    TransferKind,
    Transferred,
    Update,
    VenueUnavailable,
    leg_of,
    sign,
)

FUNDING_EVERY_H = 8
"""Funding is paid at 00, 08 and 16 h UTC."""

DEFAULT_LEVERAGE = 5.0
DEFAULT_FEES = Fees()


@dataclass(slots=True, eq=False)
class _Live:
    """An order on its way. ``rest``: units not yet traded; ``order_id``: null until it is acknowledged.

    ``is_over``: it is filled or ended, and what still comes for it on the timeline is void.
    """

    order: Order
    number: int
    drawn: Chance
    sent: datetime
    rest: int
    order_id: str | None = None
    is_over: bool = False
    charged: Charged = field(default_factory=Charged)

    @property
    def arrival(self) -> datetime:
        return self.sent + self.drawn.latency

    @property
    def signed_rest(self) -> int:
        return sign(self.order.side) * self.rest


@dataclass(slots=True, eq=False)
class _Resting:
    """An order in the book. ``queue``: units that stand before it; ``since``: when it came."""

    live: _Live
    price: float
    queue: int
    since: datetime

    def priority(self) -> tuple[float, int]:
        """Better prices come first, then older orders."""
        return -sign(self.live.order.side) * self.price, self.live.number

    def volume(self, units: int, step: Step, before: Quote | None) -> int:
        """What of a step's volume came while the order stood there."""
        if before is None or self.since <= before.ts:
            return units
        return int(units * ((step.quote.ts - self.since) / (step.quote.ts - before.ts)))


class PaperVenue:
    """A venue over a market, with an account of its own."""

    __slots__ = (
        "_clock",
        "_count",
        "_ledger",
        "_live",
        "_market",
        "_name",
        "_puts",
        "_quotes",
        "_resting",
        "_seed",
        "_symbols",
        "_timeline",
        "_trades",
        "_updates",
    )

    def __init__(
        self,
        market: Market,
        *,
        equity_usd: float,
        seed: int,
        fees: Fees = DEFAULT_FEES,
        leverage: float = DEFAULT_LEVERAGE,
        name: str = "paper",
        numbers_from: int = 0,
        fee_asset: str = DOLLARS[0],
    ) -> None:
        """``leverage``: of every symbol; the initial margin is the notional over it. ``fee_asset``: what fees are paid
        in; where it is no dollar, the market quotes it in the first one.

        ``numbers_from``: orders and trades are numbered from here on, so that two accounts of one home share none.
        """
        self._market, self._symbols = market, frozenset(market.symbols)
        self._ledger = Ledger(equity_usd, fees, leverage, fee_asset=fee_asset)
        self._seed, self._name = seed, name
        self._clock: datetime | None = None
        self._quotes: dict[str, Quote] = {}
        self._live: dict[str, _Live] = {}
        self._resting: dict[str, list[_Resting]] = {}
        self._timeline: list[tuple[datetime, int, Callable[[datetime], None]]] = []
        self._count = self._trades = numbers_from
        self._puts = 0
        self._updates: list[Update] = []

    @property
    def name(self) -> str:
        return self._name

    def advance(self, now: datetime) -> Sequence[Update]:
        """Goes on to an instant; one before the last changes nothing."""
        if self._clock is None:
            self._start(now)
        timeline, quotes, resting = self._timeline, self._quotes, self._resting
        for step in self._market.steps(now):
            quote = step.quote
            if timeline[0][0] < quote.ts:
                self._run_before(quote.ts)
            if quote.symbol in resting:
                self._match(step, quotes.get(quote.symbol))
            quotes[quote.symbol] = quote
        self._run_before(now + timedelta.resolution)
        self._clock = max(now, self._now())
        updates, self._updates = self._updates, []
        return updates

    def quotes(self) -> Mapping[str, Quote]:
        return dict(self._quotes)

    def account(self) -> Account:
        """The account as of the last ``advance``.

        Raises:
            VenueUnavailable: it was never asked to go on, so there is no instant.
        """
        return self._ledger.account(self._now(), self._quotes)

    def submit(self, order: Order) -> None:
        """Sends an order at the instant of the last ``advance``.

        Raises:
            VenueUnavailable: it was never asked to go on, so there is no instant.
            ValueError: an order with this id is open: its end could not be told from the other's.
        """
        if order.client_order_id in self._live:
            raise ValueError(f"order {order.client_order_id}: expected a new client order id, found it open")
        sent = self._now()
        self._count += 1
        live = _Live(order, self._count, liquidity.chance(self._seed, self._count), sent, _units_of(order))
        self._live[order.client_order_id] = live
        self._at(live.arrival, partial(self._arrive, live))

    def cancel(self, client_order_id: str) -> None:
        """Asks for the end of an order; a fill on the way wins, and an order that is not open is left alone."""
        live = self._live.get(client_order_id)
        if live:
            reaches = max(self._now() + live.drawn.cancel_latency, live.arrival)
            self._at(reaches, partial(self._end, live, "CANCELED", "cancelled by client"))

    def transfer(self, amount_usd: float, transfer_id: str) -> None:
        """Moves money into the account, or out of it where the amount is negative, at the instant of the last
        ``advance``. The next one tells it; what is more than there is to withdraw is left to the caller.

        Raises:
            VenueUnavailable: it was never asked to go on, so there is no instant.
        """
        now = self._now()
        self._ledger.wallet_usd += amount_usd
        kind: TransferKind = "deposit" if amount_usd >= 0 else "withdrawal"
        self._updates.append(Transferred(transfer_id, now, DOLLARS[0], amount_usd, amount_usd, kind))

    def state(self) -> dict[str, Any]:
        """Everything an account goes on from, as JSON values: instant, wallet, lots, counters, quotes, open orders."""
        return {
            "now": self._now().isoformat(),
            "wallet_usd": self._ledger.wallet_usd,
            "lots": self._ledger.book.to_json(),
            "orders": self._count,
            "trades": self._trades,
            "quotes": [[q.symbol, q.ts.isoformat(), q.bid, q.ask, q.mark] for q in self._quotes.values()],
            "open": [[live.order.client_order_id, live.order_id, live.order.symbol] for live in self._live.values()],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Goes on from a state, in a venue that was never asked to go on.

        Open orders are cancelled: they end CANCELED at the state's instant, out of the next ``advance``. Positions
        stay, and pay the funding of the time between.

        Raises:
            ValueError: the venue has gone on already.
        """
        if self._clock is not None:
            raise ValueError(f"{self._name}: expected a venue that was never asked to go on, found it at {self._clock}")
        now = datetime.fromisoformat(state["now"])
        self._ledger.wallet_usd = float(state["wallet_usd"])
        self._ledger.book = PositionBook.from_json(state["lots"])
        self._count, self._trades = int(state["orders"]), int(state["trades"])
        for symbol, ts, bid, ask, mark in state["quotes"]:
            self._quotes[symbol] = Quote(symbol, datetime.fromisoformat(ts), bid, ask, mark)
        self._start(now)
        self._updates += [
            Ended(client_order_id, order_id, symbol, now, "CANCELED", "cancelled at restart")
            for client_order_id, order_id, symbol in state["open"]
        ]

    # -- time

    def _now(self) -> datetime:
        if self._clock is None:
            raise VenueUnavailable(f"{self._name}: expected an advance before anything else, found none")
        return self._clock

    def _start(self, now: datetime) -> None:
        self._clock = now
        self._at(_next_funding(now), self._fund)

    def _at(self, ts: datetime, action: Callable[[datetime], None]) -> None:
        """Puts an action on the timeline; of one instant the first put comes first."""
        self._puts += 1
        heappush(self._timeline, (ts, self._puts, action))

    def _run_before(self, end: datetime) -> None:
        """Runs what stands on the timeline before an instant; funding always stands there."""
        while self._timeline[0][0] < end:
            ts, _, action = heappop(self._timeline)
            action(ts)

    # -- orders

    def _arrive(self, live: _Live, ts: datetime) -> None:
        """An order reaches the book: it is refused, or acknowledged and worked."""
        order, quote = live.order, self._quotes.get(live.order.symbol)
        refusal = self._refusal(live, quote)
        if refusal:
            self._end(live, "REJECTED", refusal, ts)
            return
        live.order_id = str(live.number)
        latency_ms = live.drawn.latency / timedelta(milliseconds=1)
        acked = Acked(order.client_order_id, live.order_id, order.symbol, ts, "NEW", latency_ms, quote)
        self._updates.append(acked)
        self._expire_reducers(order.symbol, ts)
        self._work(live, True, ts)

    def _refusal(self, live: _Live, quote: Quote | None) -> str | None:
        order = live.order
        if order.symbol not in self._symbols:
            return "unknown symbol"
        if quote is None:
            return "no quote"
        if not _is_valid(live):
            return "invalid order"
        if order.post_only and order.limit_price and liquidity.crosses(order.side, order.limit_price, quote):
            return WOULD_TAKE
        if self._closes_too_much(order, live.rest):
            return "more than there is to close"
        return None if order.reduce_only or self._is_covered(live, quote) else "insufficient margin"

    def _closes_too_much(self, order: Order, units: int) -> bool:
        """Return whether an order of hedge mode would turn its position, which has only one direction."""
        if order.position_side == "BOTH" or order.reduce_only or leg_of(order.side, False) == order.position_side:
            return False
        return units > self._ledger.reducible(order.symbol, order.side, order.position_side)

    def _work(self, live: _Live, is_first: bool, ts: datetime) -> None:
        """Trades at the touch, or rests where the limit does not reach it."""
        if live.is_over:
            return
        order, quote = live.order, self._quotes[live.order.symbol]
        if order.limit_price is not None and not liquidity.crosses(order.side, order.limit_price, quote):
            self._rest(live, order.limit_price, quote, ts)
            return
        units = self._allowed(live)
        part = liquidity.first_part(units, quote, live.drawn) if is_first else units
        pushing = part if is_first else to_units(order.qty)
        price = liquidity.taker_price(order.side, pushing, order.limit_price, quote, live.drawn)
        self._trade(live, part, price, False, ts, quote)
        if not live.is_over:
            self._at(ts + live.drawn.second_after, partial(self._work, live, False))

    def _rest(self, live: _Live, price: float, quote: Quote, ts: datetime) -> None:
        queue = liquidity.queue_ahead(live.order.side, price, quote, live.drawn)
        book = self._resting.setdefault(live.order.symbol, [])
        book.append(_Resting(live, price, queue, ts))
        book.sort(key=_Resting.priority)

    def _match(self, step: Step, before: Quote | None) -> None:
        """What a step does to the resting orders of its symbol; ``before``: the quote it comes from."""
        taken = {"BUY": 0, "SELL": 0}
        for resting in tuple(self._resting[step.quote.symbol]):
            side = resting.live.order.side
            came = None if resting.live.is_over else liquidity.reach(side, resting.price, step)
            if came is None:
                continue
            volume = resting.volume(came.units, step, before)
            queue = 0 if came.through else resting.queue
            resting.queue = max(0, queue - volume)
            part = _part(self._allowed(resting.live), volume - queue - taken[side], resting.price)
            if part > 0:
                taken[side] += part
                self._trade(resting.live, part, resting.price, True, step.quote.ts, before)

    def _trade(self, live: _Live, units: int, price: float, is_maker: bool, ts: datetime, before: Quote | None) -> None:
        """Trades a part of an order; ``before``: the market that the trade came into."""
        order, qty = live.order, to_qty(units)
        live.rest -= units
        self._trades += 1
        fee_quote = self._ledger.fee_quote(self._quotes)
        fee, paid_usd = self._ledger.charge(live.charged, qty * price, is_maker, fee_quote)
        trade = Traded(
            client_order_id=order.client_order_id,
            order_id=str(live.number),
            trade_id=str(self._trades),
            symbol=order.symbol,
            side=order.side,
            ts=ts,
            qty=qty,
            price=price,
            fee=fee,
            fee_asset=self._ledger.fee_asset,
            is_maker=is_maker,
            status="PARTIALLY_FILLED" if live.rest else "FILLED",
            position_side=order.position_side,
            quote=before,
            fee_quote=fee_quote,
        )
        self._ledger.apply(trade, paid_usd)
        self._updates.append(trade)
        if not live.rest:
            self._drop(live)
        self._expire_reducers(order.symbol, ts)

    def _end(self, live: _Live, status: Literal["CANCELED", "EXPIRED", "REJECTED"], reason: str, ts: datetime) -> None:
        if live.is_over:
            return
        order = live.order
        quote = self._quotes.get(order.symbol)
        self._updates.append(Ended(order.client_order_id, live.order_id, order.symbol, ts, status, reason, quote))
        self._drop(live)

    def _drop(self, live: _Live) -> None:
        live.is_over = True
        del self._live[live.order.client_order_id]
        book = [resting for resting in self._resting.pop(live.order.symbol, ()) if resting.live is not live]
        if book:
            self._resting[live.order.symbol] = book

    def _allowed(self, live: _Live) -> int:
        """The units an order may still trade: all of them, or what there is to reduce."""
        if not live.order.reduce_only:
            return live.rest
        order = live.order
        return min(live.rest, self._ledger.reducible(order.symbol, order.side, order.position_side))

    def _expire_reducers(self, symbol: str, ts: datetime) -> None:
        """Ends what may only reduce where nothing is left to reduce."""
        for live in tuple(self._live.values()):
            if live.order.reduce_only and live.order.symbol == symbol and live.order_id and not self._allowed(live):
                self._end(live, "EXPIRED", "nothing to reduce", ts)

    # -- account

    def _opens_usd(self, live: _Live, quote: Quote) -> float:
        """The notional that what is left of an order may open: at its limit, or at the touch."""
        order = live.order
        if order.reduce_only:
            return 0.0
        price = liquidity.touch(order.side, quote) if order.limit_price is None else order.limit_price
        return self._ledger.opens_usd(order.symbol, live.signed_rest, price, order.position_side)

    def _is_covered(self, live: _Live, quote: Quote) -> bool:
        acked = (other for other in self._live.values() if other.order_id)
        others_usd = sum(self._opens_usd(other, self._quotes[other.order.symbol]) for other in acked)
        return self._ledger.covers(self._opens_usd(live, quote), others_usd, self._quotes)

    def _fund(self, ts: datetime) -> None:
        for symbol, leg in self._ledger.book.legs():
            rate = liquidity.funding_rate(self._seed, symbol, ts.isoformat())
            paid_usd = self._ledger.fund(symbol, self._quotes[symbol].mark, rate, leg)
            self._updates.append(FundingPaid(symbol, ts, paid_usd))
        self._at(_next_funding(ts), self._fund)


def _units_of(order: Order) -> int:
    """The quantity in units; 0 where it is none."""
    return to_units(order.qty) if math.isfinite(order.qty) else 0


def _is_valid(live: _Live) -> bool:
    limit_price = live.order.limit_price
    if limit_price is None:
        return live.rest > 0 and not live.order.post_only
    return live.rest > 0 and 0 < limit_price < math.inf


def _part(wanted: int, available: int, price: float) -> int:
    """What is traded of what is wanted: all of it, or whole lots of what there is."""
    return wanted if available >= wanted else liquidity.whole_lots(max(0, available), price)


def _next_funding(ts: datetime) -> datetime:
    """The first funding instant behind an instant."""
    ts = ts.astimezone(UTC)
    hour = (ts.hour // FUNDING_EVERY_H + 1) * FUNDING_EVERY_H
    return datetime.combine(ts.date(), time(), UTC) + timedelta(hours=hour)
