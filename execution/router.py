"""The router: works intents as orders, maker first, then taker, and puts what came of them on record.

Laws kept here:
- ``route`` says what is to be recorded before anything is sent; the caller records it, then calls ``send``;
- one attempt has one order in the market at a time: the taker order goes out when the maker order has ended;
- every order ends in the record: its fills as they come, cumulative, a close where it closed something, and one metric
  per attempt when its last order has ended;
- an order that nobody routed here (the account's owner traded by hand) is recorded the same way, without an attempt.

A maker order rests at the policy's offset from the mid, never through the touch, for ``maker_wait_s`` times twice the
policy's patience (1 - taker bias): a bias of 0.5 waits once, 0.25 one and a half times, 0.75 half as long.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from execution.autotune import Policy
from execution.events import (
    Event,
    OrderAcked,
    OrderAttempted,
    OrderClosed,
    OrderFailed,
    OrderFilled,
    OrderMeasured,
)
from execution.intents import Intent
from execution.positions import PositionBook, Realized
from execution.venues.venue import Acked, Ended, Order, Quote, Side, Traded, Venue, sign

MAKER_WAIT_S = 4.0
DOLLARS = frozenset({"USD", "USDT", "USDC", "FDUSD", "BUSD"})
Quotes = Callable[[str, datetime], Quote | None]
"""The quote of a symbol that stood at an instant."""


@dataclass(slots=True)
class _Attempt:
    """An intent on its way: the policy it is worked by, and what its orders have come to."""

    intent: Intent
    policy: Policy
    published: Policy
    """The policy before autotune moved it."""
    quote: Quote
    """The market it was decided in."""
    sent: datetime
    submitted_price: float | None = None
    qty: float = 0.0
    cost_usd: float = 0.0
    fees_usd: float = 0.0
    taken_qty: float = 0.0
    """What was filled as taker."""
    ack_ms: float | None = None
    last_fill: datetime | None = None
    used_fallback: bool = False


@dataclass(slots=True)
class _Working:
    """An order in the market, and what was traded of it."""

    order: Order
    sent: datetime
    attempt: _Attempt | None
    deadline: datetime | None = None
    """When a maker order has rested long enough."""
    is_cancelling: bool = False
    order_id: str = ""
    qty: float = 0.0
    cost_usd: float = 0.0
    fees: dict[str, float] = field(default_factory=dict)
    """By asset."""
    fees_usd: float = 0.0
    unpriced_fees: dict[str, float] = field(default_factory=dict)
    """Fees in assets that have no price here: on record beside the close, and not in ``fees_usd``."""
    trade_ids: list[str] = field(default_factory=list)
    first_fill: datetime | None = None
    last_fill: datetime | None = None
    realized: list[Realized] = field(default_factory=list)
    closed_at: datetime | None = None


class Router:
    """Works intents on a venue. ``new_id`` gives client order ids; ``book`` is told every own trade."""

    def __init__(
        self, venue: Venue, book: PositionBook, new_id: Callable[[], str], *, maker_wait_s: float = MAKER_WAIT_S
    ) -> None:
        self._venue = venue
        self._book = book
        self._new_id = new_id
        self._maker_wait_s = maker_wait_s
        self._working: dict[str, _Working] = {}
        self._pending: list[_Attempt] = []

    def route(self, intent: Intent, policy: Policy, published: Policy, quote: Quote, now: datetime) -> OrderAttempted:
        """Takes an intent on; nothing is sent before ``send``. ``published``: the policy before autotune moved it."""
        self._pending.append(_Attempt(intent, policy, published, quote, now))
        return _attempted(intent, quote, now)

    def send(self, now: datetime) -> None:
        """Sends what was routed, and cancels maker orders that have rested long enough."""
        pending, self._pending = self._pending, []
        for attempt in pending:
            side, policy = attempt.intent.side, attempt.policy
            price = maker_price(side, attempt.quote, policy.offset_bps) if policy.maker_first else None
            self._send(attempt, attempt.intent.qty, now, price)
        for working in tuple(self._working.values()):
            if working.deadline is not None and now >= working.deadline and not working.is_cancelling:
                working.is_cancelling = True
                self._venue.cancel(working.order.client_order_id)

    def working_qty(self) -> dict[str, float]:
        """Signed quantity by symbol that is in the market and not filled."""
        open_qty: dict[str, float] = {}
        for each in self._working.values():
            rest = sign(each.order.side) * (each.order.qty - each.qty)
            open_qty[each.order.symbol] = open_qty.get(each.order.symbol, 0.0) + rest
        return open_qty

    def is_working(self, symbol: str) -> bool:
        """Whether an order of the symbol is in the market, or about to be."""
        return any(each.order.symbol == symbol for each in self._working.values()) or any(
            each.intent.symbol == symbol for each in self._pending
        )

    def on_update(self, update: Acked | Traded | Ended, quotes: Quotes, now: datetime) -> list[Event]:
        """What an update puts on record. A maker order that ended unfilled is followed by a taker order at ``now``."""
        working = self._working.get(update.client_order_id)
        if working is None:
            if not isinstance(update, Traded):
                return []
            working = self._adopt(update)
        quote = quotes(update.symbol, update.ts)
        match update:
            case Acked():
                return [self._acked(working, update, quote)]
            case Traded():
                return self._traded(working, update, quote)
            case Ended():
                return self._ended(working, update, now)

    def _send(self, attempt: _Attempt, qty: float, now: datetime, price: float | None) -> None:
        intent = attempt.intent
        order = Order(
            client_order_id=self._new_id(),
            symbol=intent.symbol,
            side=intent.side,
            qty=qty,
            limit_price=price,
            post_only=price is not None,
            reduce_only=intent.reduce_only,
        )
        working = _Working(order, now, attempt)
        if price is not None:
            patience = 2 * (1 - attempt.policy.taker_bias)
            working.deadline = now + timedelta(seconds=self._maker_wait_s * patience)
        if attempt.submitted_price is None:
            attempt.submitted_price = price if price is not None else touch(intent.side, attempt.quote)
        self._working[order.client_order_id] = working
        self._venue.submit(order)

    def _adopt(self, trade: Traded) -> _Working:
        """An order that was not sent from here: it is as large as what is traded of it."""
        order = Order(trade.client_order_id, trade.symbol, trade.side, math.inf)
        working = self._working[trade.client_order_id] = _Working(order, trade.ts, None, order_id=trade.order_id)
        return working

    def _acked(self, working: _Working, update: Acked, quote: Quote | None) -> Event:
        working.order_id = update.order_id
        order, attempt = working.order, working.attempt
        if attempt is not None:
            attempt.ack_ms = update.latency_ms if attempt.ack_ms is None else attempt.ack_ms
        return OrderAcked(
            ts=update.ts,
            symbol=order.symbol,
            side=order.side,
            order_id=update.order_id,
            client_order_id=order.client_order_id,
            request_qty=order.qty,
            order_type=order.order_type,
            status=update.status,
            price=order.limit_price,
            reduce_only=order.reduce_only,
            latency_ms=update.latency_ms,
            source="order_ack",
            **_names(attempt),
            **_market(quote),
        )

    def _traded(self, working: _Working, trade: Traded, quote: Quote | None) -> list[Event]:
        realized = self._book.apply(trade)
        if realized is not None:
            working.realized.append(realized)
            working.closed_at = trade.ts
        _count(working, trade, quote)
        filled = OrderFilled(
            ts=trade.ts,
            ts_fill_first=working.first_fill or trade.ts,
            symbol=trade.symbol,
            side=trade.side,
            order_id=trade.order_id,
            client_order_id=trade.client_order_id,
            executed_qty=working.qty,
            avg_price=working.cost_usd / working.qty,
            fee_total=working.fees[trade.fee_asset],
            fee_asset=trade.fee_asset,
            trade_ids=list(working.trade_ids),
            status=trade.status,
            reduce_only=working.order.reduce_only,
            latency_ms=_ms(working.sent, trade.ts),
            **_names(working.attempt),
            **_market(quote),
        )
        return [filled, *(self._finish(working, trade.status, trade.ts) if trade.status == "FILLED" else [])]

    def _ended(self, working: _Working, update: Ended, now: datetime) -> list[Event]:
        attempt, order = working.attempt, working.order
        if attempt is None:
            return self._finish(working, update.status, update.ts)
        rest = order.qty - working.qty
        is_given_up = update.status == "CANCELED" and working.is_cancelling
        if order.post_only and rest > 0 and (is_given_up or update.reason == WOULD_TAKE):
            closed = self._close(working)
            del self._working[order.client_order_id]
            attempt.used_fallback = True
            self._send(attempt, rest, now, None)
            return closed
        failed = [_failed(working, update)] if update.status == "REJECTED" else []
        return [*failed, *self._finish(working, update.status, update.ts)]

    def _finish(self, working: _Working, status: str, ts: datetime) -> list[Event]:
        """The last order of an attempt, or one of nobody's, is over."""
        del self._working[working.order.client_order_id]
        closed = self._close(working)
        attempt = working.attempt
        return closed if attempt is None else [*closed, _measured(attempt, self._venue.name, status, ts)]

    def _close(self, working: _Working) -> list[Event]:
        if not working.realized or working.closed_at is None:
            return []
        first, last = working.realized[0], working.realized[-1]
        return [
            OrderClosed(
                ts=working.closed_at,
                symbol=working.order.symbol,
                order_id=working.order_id,
                client_order_id=working.order.client_order_id,
                realized_pnl_usd=math.fsum(each.pnl_usd for each in working.realized),
                fees_usd=working.fees_usd,
                position_size_before=first.size_before,
                position_size_after=last.size_after,
                closed_qty=math.fsum(each.closed_qty for each in working.realized),
                reduce_only=working.order.reduce_only,
                latency_ms=_ms(working.sent, working.closed_at),
                **_names(working.attempt),
                **({"fees_unpriced": working.unpriced_fees} if working.unpriced_fees else {}),
            )
        ]


WOULD_TAKE = "would take"
"""The reason of a venue that refuses a post-only order because it would trade at once."""


def touch(side: Side, quote: Quote) -> float:
    """The price a taker pays at least."""
    return quote.ask if side == "BUY" else quote.bid


def maker_price(side: Side, quote: Quote, offset_bps: float) -> float:
    """The offset from the mid, on the own side of it and never through the own touch."""
    price = quote.mid * (1 - sign(side) * offset_bps / 1e4)
    return min(price, quote.bid) if side == "BUY" else max(price, quote.ask)


def slippage_bps(side: Side, fill: float, mark: float) -> float:
    """Positive is cost (semantics 2)."""
    return sign(side) * (fill - mark) / mark * 1e4


def fee_usd(fee: float, asset: str, quote: Quote | None) -> float | None:
    """A fee in dollars, one in the traded asset at its mark; null where the asset has no price here."""
    if asset in DOLLARS or fee == 0:
        return fee
    return fee * quote.mark if quote is not None and quote.symbol.startswith(asset) else None


def _count(working: _Working, trade: Traded, quote: Quote | None) -> None:
    """Adds a trade to its order and its attempt."""
    usd = fee_usd(trade.fee, trade.fee_asset, quote)
    working.qty += trade.qty
    working.cost_usd += trade.qty * trade.price
    working.fees[trade.fee_asset] = working.fees.get(trade.fee_asset, 0.0) + trade.fee
    working.fees_usd += usd or 0.0
    if usd is None:
        working.unpriced_fees[trade.fee_asset] = working.unpriced_fees.get(trade.fee_asset, 0.0) + trade.fee
    working.trade_ids.append(trade.trade_id)
    working.first_fill = working.first_fill or trade.ts
    attempt = working.attempt
    if attempt is not None:
        attempt.qty += trade.qty
        attempt.cost_usd += trade.qty * trade.price
        attempt.fees_usd += usd or 0.0
        attempt.taken_qty += 0.0 if trade.is_maker else trade.qty
        attempt.last_fill = trade.ts


def _attempted(intent: Intent, quote: Quote, now: datetime) -> OrderAttempted:
    return OrderAttempted(
        ts=now,
        symbol=intent.symbol,
        side=intent.side,
        attempt_id=intent.attempt_id,
        intent_id=intent.intent_id,
        qty=intent.qty,
        price_hint=intent.price,
        strategy=intent.strategy,
        signal_ts=intent.signal_ts,
        reduce_only=intent.reduce_only,
        confidence=intent.confidence,
        expected_edge=intent.expected_edge,
        decision_latency_ms=_ms(intent.signal_ts, now),
        **_market(quote),
    )


def _measured(attempt: _Attempt, venue: str, status: str, ts: datetime) -> OrderMeasured:
    intent, policy, published = attempt.intent, attempt.policy, attempt.published
    average = attempt.cost_usd / attempt.qty if attempt.qty else None
    is_tuned = policy != published
    return OrderMeasured(
        ts=ts,
        attempt_id=intent.attempt_id,
        intent_id=intent.intent_id,
        venue=venue,
        route="maker_taker" if attempt.used_fallback else "maker" if policy.maker_first else "taker",
        symbol=intent.symbol,
        side=intent.side,
        mark_price=attempt.quote.mark,
        submitted_price=attempt.submitted_price,
        avg_fill_price=average,
        contracts_qty=attempt.qty,
        notional_usd=attempt.cost_usd,
        decision_ms=_ms(intent.signal_ts, intent.ts),
        submit_ms=_ms(intent.ts, attempt.sent),
        ack_ms=attempt.ack_ms,
        fill_ms=_ms(attempt.sent, attempt.last_fill) if attempt.last_fill else None,
        status=status,
        retries=int(attempt.used_fallback),
        is_cancelled=status == "CANCELED",
        fees_usd=attempt.fees_usd,
        slippage_bps=None if average is None else slippage_bps(intent.side, average, attempt.quote.mark),
        ack_latency_ms=attempt.ack_ms,
        maker_start=policy.maker_first,
        is_maker_final=attempt.taken_qty == 0 if attempt.qty else None,
        used_fallback=attempt.used_fallback,
        policy_maker_first=policy.maker_first,
        policy_taker_bias=policy.bias_label,
        policy_quality=policy.quality,
        policy_reason=policy.reason,
        policy_offset_bps=policy.offset_bps,
        autotune_applied=is_tuned,
        policy_before=published.numbers() if is_tuned else None,
        policy_after=policy.numbers() if is_tuned else None,
    )


def _failed(working: _Working, update: Ended) -> OrderFailed:
    order, attempt = working.order, working.attempt
    return OrderFailed(
        ts=update.ts,
        symbol=order.symbol,
        side=order.side,
        order_type=order.order_type,
        price=order.limit_price,
        qty=order.qty,
        error=update.reason,
        reduce_only=order.reduce_only,
        attempt_id=None if attempt is None else attempt.intent.attempt_id,
    )


def _names(attempt: _Attempt | None) -> dict[str, str]:
    if attempt is None:
        return {}
    intent = attempt.intent
    return {"attempt_id": intent.attempt_id, "intent_id": intent.intent_id, "strategy": intent.strategy}


def _market(quote: Quote | None) -> dict[str, float]:
    """The market of the moment, unknown where there was none."""
    return {} if quote is None else {"bid_price": quote.bid, "ask_price": quote.ask, "mark_price": quote.mark}


def _ms(start: datetime, end: datetime) -> float:
    return (end - start) / timedelta(milliseconds=1)
