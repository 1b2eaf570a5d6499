"""The router: works intents as orders, maker first, then taker, and returns the events to record.

Laws kept here:
- ``route`` and ``on_update`` return events; the caller records them, then calls ``send``, the only function that sends;
- one attempt has one order in the market at a time: the taker order, for what is left, goes out when the maker order
  has been given up or was refused because it would take, which is no failure. Any other end is the attempt's;
- what an update puts on record has the update's time, so that events come in the order of updates;
- every order ends in the record: its fills as they come, cumulative, one close with all that it closed where it closed
  something, and one metric per attempt when its last order has ended, after one failure where the venue refused it;
- an order that nobody routed here (the account's owner traded by hand, a run before sent it) is recorded without an
  attempt. Nobody tells when it is over: it counts as no order at work, and each of its trades that closes is a close.

A maker order rests at the policy's offset from the mid, never through the touch, for ``maker_wait_s`` times twice the
policy's patience (1 - taker bias): a bias of 0.5 waits once, 0.25 one and a half times, 0.75 half as long.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from tape.execution.attempts import Attempt, AtWork, WorkingOrder
from tape.execution.attempts import slippage_bps as slippage_bps
from tape.execution.autotune import Policy
from tape.execution.events import Event, MarkObserved, OrderAttempted
from tape.execution.intents import Intent
from tape.execution.positions import PositionBook
from tape.execution.venues.venue import (
    DOLLARS,
    WOULD_TAKE,
    Acked,
    Ended,
    Order,
    Quote,
    Side,
    Traded,
    Venue,
    leg_of,
    sign,
)

_LOG = logging.getLogger(__name__)
MAKER_WAIT_S = 4.0
_MOST_FOREIGN = 500
"""Orders of others that are handed on at a restart, the newest; an older one begins anew when it trades again."""
Quotes = Callable[[str, datetime], Quote | None]
"""The quote of a symbol that stood at an instant."""


class Router:
    """Works intents on a venue. ``new_id`` returns client order ids; ``book`` gets every own trade."""

    def __init__(
        self, venue: Venue, book: PositionBook, new_id: Callable[[], str], *, maker_wait_s: float = MAKER_WAIT_S
    ) -> None:
        self._venue = venue
        self._book = book
        self._new_id = new_id
        self._maker_wait_s = maker_wait_s
        self._given_up: list[Attempt] = []
        self._unpriced: set[str] = set()
        """Assets of fees without a price, once they are said."""
        self.is_hedged = False
        """The account is in hedge mode: an order names the position that it moves."""
        self._pending: list[Attempt] = []
        """Whose next order is to be sent."""
        self._working: dict[str, WorkingOrder] = {}
        self._foreign: dict[tuple[str, str, Side], WorkingOrder] = {}
        """By symbol, the venue's order id and side; one that is never filled stays."""

    def route(self, intent: Intent, policy: Policy, published: Policy, quote: Quote, now: datetime) -> OrderAttempted:
        """Accept an intent; nothing is sent before ``send``. ``published``: the policy before autotune moved it."""
        attempt = Attempt(intent, policy, published, quote, now)
        self._pending.append(attempt)
        return attempt.attempted(now)

    def send(self, now: datetime) -> None:
        """Send due orders, and cancel maker orders that have rested long enough."""
        pending, self._pending = self._pending, []
        for attempt in pending:
            self._send(attempt, now)
        for working in tuple(self._working.values()):
            if working.has_rested(now) and not working.is_cancelling:
                working.is_cancelling = True
                self._venue.cancel(working.order.client_order_id)

    def working(self) -> list[tuple[str, Side, float]]:
        """Return symbol, side and signed quantity that open or pending orders may still add.

        What only reduces a position is left out: it counts once it is filled.
        """
        rests: list[tuple[str, Side, float]] = [
            (each.order.symbol, each.order.side, each.order.qty - each.fills.qty)
            for each in self._working.values()
            if not each.order.reduce_only
        ]
        rests += [
            (each.intent.symbol, each.intent.side, each.rest) for each in self._pending if not each.intent.reduce_only
        ]
        return [(symbol, side, sign(side) * rest) for symbol, side, rest in rests]

    def working_qty(self) -> dict[str, float]:
        """Return the signed quantity by symbol that may still be added, both sides together."""
        open_qty: dict[str, float] = {}
        for symbol, _, qty in self.working():
            open_qty[symbol] = open_qty.get(symbol, 0.0) + qty
        return open_qty

    def is_working(self, symbol: str) -> bool:
        """Return whether an order of the symbol is in the market, or about to be."""
        return any(each.order.symbol == symbol for each in self._working.values()) or any(
            each.intent.symbol == symbol for each in self._pending
        )

    def at_work(self) -> AtWork:
        """Return everything that later updates can be about."""
        foreign = list(self._foreign.values())[-_MOST_FOREIGN:]
        return AtWork(list(self._working.values()), list(self._pending), foreign)

    def restore(self, at_work: AtWork) -> None:
        """Restore the orders of an earlier run, in a router that has none.

        A maker order among them is not replaced by a taker order when it ends: its market is a past one.
        """
        for working in at_work.working:
            working.deadline, working.is_cancelling = None, False
            self._working[working.order.client_order_id] = working
        for whole in at_work.foreign:
            self._foreign[whole.order.symbol, whole.order_id, whole.order.side] = whole
        self._given_up = list(at_work.pending)

    def give_up(self, now: datetime) -> list[Event]:
        """Return the metrics of attempts of an earlier run that have no order in the market any more."""
        given_up, self._given_up = self._given_up, []
        return [attempt.measured(self._venue.name, "CANCELED", now) for attempt in given_up]

    def on_update(self, update: Acked | Traded | Ended, quotes: Quotes) -> list[Event]:
        """Return the events of an update. Orders that it makes necessary are sent by the next ``send``."""
        working = self._working.get(update.client_order_id)
        if working is None or not working.is_of(update):
            return self._traded_elsewhere(update, quotes) if isinstance(update, Traded) else []
        match update:
            case Acked():
                return self._acked(working, update, quotes)
            case Traded():
                return self._traded(working, update, quotes)
            case Ended():
                return self._ended(working, update, update.quote or quotes(update.symbol, update.ts))

    def _send(self, attempt: Attempt, now: datetime) -> None:
        intent, policy = attempt.intent, attempt.policy
        is_first = not attempt.used_fallback
        is_maker = is_first and policy.maker_first
        price = maker_price(intent.side, attempt.quote, policy.offset_bps) if is_maker else None
        order = Order(
            client_order_id=self._new_id(),
            symbol=intent.symbol,
            side=intent.side,
            qty=intent.qty if is_first else attempt.rest,
            limit_price=price,
            post_only=is_maker,
            reduce_only=intent.reduce_only,
            position_side=leg_of(intent.side, intent.reduce_only) if self.is_hedged else "BOTH",
        )
        working = WorkingOrder(order, attempt, now)
        if is_maker:
            working.deadline = now + timedelta(seconds=self._maker_wait_s * 2 * (1 - policy.taker_bias))
        if is_first:
            attempt.sent = now
            attempt.submitted_price = touch(intent.side, attempt.quote) if price is None else price
        self._working[order.client_order_id] = working
        self._venue.submit(order)

    def _acked(self, working: WorkingOrder, update: Acked, quotes: Quotes) -> list[Event]:
        if working.attempt is not None:
            working.attempt.ack(update)
        return [working.acked(update, update.quote or quotes(update.symbol, update.ts))]

    def _traded(self, working: WorkingOrder, trade: Traded, quotes: Quotes) -> list[Event]:
        working.trade(trade, self._fee_usd(trade, quotes), self._book.apply(trade))
        quote = trade.quote or quotes(trade.symbol, trade.ts)
        filled = working.filled(trade, quote)
        finished = self._finish(working, trade.status, trade.ts, quote) if trade.status == "FILLED" else []
        return [*fee_mark(trade), filled, *finished]

    def _traded_elsewhere(self, trade: Traded, quotes: Quotes) -> list[Event]:
        """Return the events of a trade of an order that was not sent from here."""
        order, key = Order(trade.client_order_id, trade.symbol, trade.side, trade.qty), _key(trade)
        whole, alone = self._foreign.setdefault(key, WorkingOrder(order)), WorkingOrder(order)
        if whole.order.client_order_id != trade.client_order_id and trade.order_id not in (
            whole.order.client_order_id,
            trade.client_order_id,
        ):  # two names that the client gave: the venue has used the order id a second time
            whole = self._foreign[key] = WorkingOrder(order)
        fee, realized = self._fee_usd(trade, quotes), self._book.apply(trade)
        whole.trade(trade, fee, None)
        alone.trade(trade, fee, realized)
        if trade.status == "FILLED":
            del self._foreign[key]
        quote = trade.quote or quotes(trade.symbol, trade.ts)
        return [*fee_mark(trade), whole.filled(trade, quote), *alone.closed(trade.ts)]

    def _fee_usd(self, trade: Traded, quotes: Quotes) -> float | None:
        fee = fee_usd(trade, quotes)
        if fee is None and trade.fee_asset not in self._unpriced:
            self._unpriced.add(trade.fee_asset)
            _LOG.warning("fees in %s have no price: they are recorded as unknown in dollars", trade.fee_asset)
        return fee

    def _ended(self, working: WorkingOrder, update: Ended, quote: Quote | None) -> list[Event]:
        attempt, order = working.attempt, working.order
        is_given_up = working.is_cancelling and update.status == "CANCELED"
        if attempt and order.post_only and attempt.rest > 0 and (is_given_up or update.reason == WOULD_TAKE):
            del self._working[order.client_order_id]
            attempt.used_fallback = True
            self._pending.append(attempt)
            return [*working.closed(update.ts)]
        failed = [working.failed(update)] if update.status == "REJECTED" else []
        return [*failed, *self._finish(working, update.status, update.ts, quote, update.reason)]

    def _finish(
        self, working: WorkingOrder, status: str, ts: datetime, quote: Quote | None, reason: str | None = None
    ) -> list[Event]:
        """End an attempt whose last order has ended."""
        del self._working[working.order.client_order_id]
        attempt = working.attempt
        measured = [attempt.measured(self._venue.name, status, ts, quote, reason)] if attempt else []
        return [*working.closed(ts), *measured]


def _key(trade: Traded) -> tuple[str, str, Side]:
    return trade.symbol, trade.order_id, trade.side


def touch(side: Side, quote: Quote) -> float:
    """Return the best price for a taker."""
    return quote.ask if side == "BUY" else quote.bid


def maker_price(side: Side, quote: Quote, offset_bps: float) -> float:
    """Return the price at the offset from the mid, on the order's own side and never through the own touch."""
    price = quote.mid * (1 - sign(side) * offset_bps / 1e4)
    return min(price, quote.bid) if side == "BUY" else max(price, quote.ask)


def fee_mark(trade: Traded) -> list[Event]:
    """What the asset of a fee was worth at the trade, for the record: ticks alone would tell it a little late."""
    quote = trade.fee_quote
    if quote is None:
        return []
    prices = {"mark_price": quote.mark, "bid_price": quote.bid, "ask_price": quote.ask}
    return [MarkObserved(ts=trade.ts, symbol=quote.symbol, **prices)]


def fee_usd(trade: Traded, quotes: Quotes) -> float | None:
    """Return a trade's fee in dollars: at the trade's price if in the traded asset, else at a mark; null: no mark."""
    asset = trade.fee_asset.strip().upper()
    if asset in DOLLARS or trade.fee == 0:
        return trade.fee
    symbols = [asset + dollar for dollar in DOLLARS]
    if trade.symbol in symbols:
        return trade.fee * trade.price
    if trade.fee_quote is not None:
        return trade.fee * trade.fee_quote.mark
    known = (quotes(symbol, trade.ts) for symbol in symbols)
    return next((trade.fee * quote.mark for quote in known if quote is not None), None)
