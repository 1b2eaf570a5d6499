"""Attempts and their orders: the trades of each order, and the events recorded about them.

Laws kept here:
- quantities are counted in whole units (``tape.execution.positions``), so the rest of an order is an exact decimal;
- a fee in an asset without a price is unknown in dollars, never 0. The metric then has no fees; a close needs a number,
  which leaves that fee out and names it in ``fees_unpriced``;
- an order that was not routed here has no attempt: the time of sending, and whether it may only reduce, are unknown.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tape.execution.autotune import Policy
from tape.execution.events import OrderAcked, OrderAttempted, OrderClosed, OrderFailed, OrderFilled, OrderMeasured
from tape.execution.intents import Intent
from tape.execution.positions import Realized, to_qty, to_units
from tape.execution.venues.venue import Acked, Ended, Order, PositionSide, Quote, Side, Traded, sign


@dataclass(slots=True)
class Fills:
    """The trades of an order: ``units`` whole units, ``cost_usd`` their price, fees by asset."""

    units: int = 0
    cost_usd: float = 0.0
    fees: dict[str, float] = field(default_factory=dict)
    priced_fees_usd: float = 0.0
    unpriced_fees: dict[str, float] = field(default_factory=dict)
    """Of ``fees``, those that are not in ``priced_fees_usd``."""
    trade_ids: list[str] = field(default_factory=list)
    first: datetime | None = None
    last: datetime | None = None
    has_taken: bool = False
    maker_units: int | None = None
    """Of ``units``; null: a run before that did not count them traded some."""

    def add(self, trade: Traded, fee_usd: float | None) -> None:
        made = 0 if not self.units else self.maker_units
        if made is not None:
            self.maker_units = made + (to_units(trade.qty) if trade.is_maker else 0)
        self.units += to_units(trade.qty)
        self.cost_usd += trade.qty * trade.price
        _add(self.fees, trade.fee_asset, trade.fee)
        if fee_usd is None:
            _add(self.unpriced_fees, trade.fee_asset, trade.fee)
        else:
            self.priced_fees_usd += fee_usd
        self.trade_ids.append(trade.trade_id)
        self.first = self.first or trade.ts
        self.last = trade.ts
        self.has_taken = self.has_taken or not trade.is_maker

    @property
    def qty(self) -> float:
        return to_qty(self.units)

    @property
    def avg_price(self) -> float | None:
        return self.cost_usd / self.qty if self.units else None

    @property
    def fees_usd(self) -> float | None:
        return None if self.unpriced_fees else self.priced_fees_usd


@dataclass(slots=True)
class Attempt:
    """A routed intent. ``published``: the policy before autotune moved it; ``quote``: the quote at the decision.

    ``sent``: when its first order was sent; before that, when it was routed.
    """

    intent: Intent
    policy: Policy
    published: Policy
    quote: Quote
    sent: datetime
    submitted_price: float | None = None
    fills: Fills = field(default_factory=Fills)
    acked_at: datetime | None = None
    ack_ms: float | None = None
    used_fallback: bool = False

    @property
    def rest(self) -> float:
        """Return the units that are not filled yet."""
        return to_qty(to_units(self.intent.qty) - self.fills.units)

    def ack(self, update: Acked) -> None:
        """Keep the first acknowledgement, and the first known latency."""
        self.acked_at = self.acked_at or update.ts
        self.ack_ms = update.latency_ms if self.ack_ms is None else self.ack_ms

    def attempted(self, now: datetime) -> OrderAttempted:
        intent = self.intent
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
            **_market(self.quote),
        )

    def measured(
        self, venue: str, status: str, ts: datetime, quote: Quote | None = None, reason: str | None = None
    ) -> OrderMeasured:
        """Return the metric of the attempt. ``status``, ``reason``: how and why its last order ended, as the venue
        says; ``quote``: the market then.
        """
        intent, policy, fills = self.intent, self.policy, self.fills
        average, is_tuned = fills.avg_price, policy != self.published
        return OrderMeasured(
            ts=ts,
            attempt_id=intent.attempt_id,
            intent_id=intent.intent_id,
            venue=venue,
            route="maker_taker" if self.used_fallback else "maker" if policy.maker_first else "taker",
            symbol=intent.symbol,
            side=intent.side,
            mark_price=self.quote.mark,
            submitted_price=self.submitted_price,
            avg_fill_price=average,
            contracts_qty=fills.qty,
            notional_usd=fills.cost_usd,
            decision_ms=_ms(intent.signal_ts, intent.ts),
            submit_ms=_ms(intent.ts, self.sent),
            ack_ms=self.ack_ms,
            fill_ms=_ms(self.acked_at, fills.last),
            status=status,
            retries=int(self.used_fallback),
            is_cancelled=status == "CANCELED",
            fees_usd=fills.fees_usd,
            slippage_bps=None if average is None else slippage_bps(intent.side, average, self.quote.mark),
            ack_latency_ms=self.ack_ms,
            maker_start=policy.maker_first,
            is_maker_final=not fills.has_taken if fills.units else None,
            used_fallback=self.used_fallback,
            policy_maker_first=policy.maker_first,
            policy_taker_bias=policy.bias_label,
            policy_quality=policy.quality,
            policy_reason=policy.reason,
            policy_offset_bps=policy.offset_bps,
            autotune_applied=is_tuned,
            policy_before=self.published.numbers() if is_tuned else None,
            policy_after=policy.numbers() if is_tuned else None,
            cancel_reason=reason,
            **{f"end_{name}": price for name, price in _market(quote).items()},
        )


@dataclass(slots=True)
class WorkingOrder:
    """An open order. ``attempt`` null: the order was not routed here, and ``order`` holds what its trades tell.

    ``deadline``: the instant at which a maker order has rested long enough.
    """

    order: Order
    attempt: Attempt | None = None
    sent: datetime | None = None
    deadline: datetime | None = None
    is_cancelling: bool = False
    order_id: str = ""
    fills: Fills = field(default_factory=Fills)
    realized: list[Realized] = field(default_factory=list)
    realized_side: str | None = None
    """The position that ``realized`` closed, in hedge mode."""

    @property
    def reduce_only(self) -> bool | None:
        return None if self.attempt is None else self.order.reduce_only

    @property
    def position_side(self) -> str | None:
        """Return the position that the order moves, if it is one of two (hedge mode)."""
        return _leg(self.order.position_side)

    def has_rested(self, now: datetime) -> bool:
        """Return whether a maker order has rested long enough; after the clock was set back it counts as rested."""
        if self.deadline is None:
            return False
        return now >= self.deadline or (self.sent is not None and now < self.sent)

    def is_of(self, update: Acked | Traded | Ended) -> bool:
        """Return whether an update with this client order id is about this order.

        A client order id is unique per symbol only, and another program may use it again once an order has ended.
        """
        is_same = not self.order_id or update.order_id is None or update.order_id == self.order_id
        return is_same and update.symbol == self.order.symbol

    def trade(self, trade: Traded, fee_usd: float | None, realized: Realized | None) -> None:
        """Add a trade to the order, and to its attempt."""
        self.order_id = trade.order_id
        self.fills.add(trade, fee_usd)
        if self.attempt is not None:
            self.attempt.fills.add(trade, fee_usd)
        if realized is not None:
            self.realized.append(realized)
            self.realized_side = _leg(trade.position_side)

    def acked(self, update: Acked, quote: Quote | None) -> OrderAcked:
        self.order_id = update.order_id
        order = self.order
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
            position_side=self.position_side,
            reduce_only=self.reduce_only,
            latency_ms=update.latency_ms,
            source="order_ack",
            **self._names(),
            **_market(quote),
        )

    def filled(self, trade: Traded, quote: Quote | None) -> OrderFilled:
        """Return the fill state after a trade: fees in the trade's asset, and all fees apart if there are others."""
        fills = self.fills
        return OrderFilled(
            ts=trade.ts,
            ts_fill_first=fills.first or trade.ts,
            symbol=trade.symbol,
            side=trade.side,
            order_id=trade.order_id,
            client_order_id=trade.client_order_id,
            executed_qty=fills.qty,
            avg_price=fills.avg_price or trade.price,
            fee_total=fills.fees[trade.fee_asset],
            fee_asset=trade.fee_asset,
            trade_ids=list(fills.trade_ids),
            status=trade.status,
            position_side=_leg(trade.position_side),
            reduce_only=self.reduce_only,
            latency_ms=_ms(self.sent, trade.ts),
            maker_qty=None if fills.maker_units is None else to_qty(fills.maker_units),
            **self._names(),
            **_market(quote),
            **({"fees_by_asset": dict(fills.fees)} if len(fills.fees) > 1 else {}),
        )

    def closed(self, ts: datetime) -> list[OrderClosed]:
        """Return the close of a finished order: all that its trades closed; nothing if they closed nothing."""
        if not self.realized:
            return []
        unpriced = self.fills.unpriced_fees
        return [
            OrderClosed(
                ts=ts,
                position_side=self.realized_side,
                symbol=self.order.symbol,
                order_id=self.order_id,
                client_order_id=self.order.client_order_id,
                realized_pnl_usd=math.fsum(each.pnl_usd for each in self.realized),
                fees_usd=self.fills.priced_fees_usd,
                position_size_before=self.realized[0].size_before,
                position_size_after=self.realized[-1].size_after,
                closed_qty=to_qty(sum(to_units(each.closed_qty) for each in self.realized)),
                reduce_only=self.reduce_only,
                latency_ms=_ms(self.sent, ts),
                **self._names(),
                **({"fees_unpriced": dict(unpriced)} if unpriced else {}),
            )
        ]

    def failed(self, update: Ended) -> OrderFailed:
        order, attempt = self.order, self.attempt
        return OrderFailed(
            ts=update.ts,
            symbol=order.symbol,
            side=order.side,
            order_type=order.order_type,
            price=order.limit_price,
            qty=order.qty,
            error=update.reason,
            position_side=self.position_side,
            reduce_only=self.reduce_only,
            attempt_id=None if attempt is None else attempt.intent.attempt_id,
        )

    def _names(self) -> dict[str, str]:
        if self.attempt is None:
            return {}
        intent = self.attempt.intent
        return {"attempt_id": intent.attempt_id, "intent_id": intent.intent_id, "strategy": intent.strategy}


@dataclass(slots=True)
class AtWork:
    """The open orders of an executor, as restored after a restart.

    ``working``: in the market; ``pending``: attempts whose next order is not sent yet; ``foreign``: others' orders.
    """

    working: list[WorkingOrder] = field(default_factory=list)
    pending: list[Attempt] = field(default_factory=list)
    foreign: list[WorkingOrder] = field(default_factory=list)


def slippage_bps(side: Side, fill: float, mark: float) -> float:
    """Positive is cost (semantics 2)."""
    return sign(side) * (fill - mark) / mark * 1e4


def _leg(position_side: PositionSide) -> str | None:
    return None if position_side == "BOTH" else position_side


def _market(quote: Quote | None) -> dict[str, float]:
    """The market of the moment, unknown where there was none."""
    return {} if quote is None else {"bid_price": quote.bid, "ask_price": quote.ask, "mark_price": quote.mark}


def _ms(start: datetime | None, end: datetime | None) -> float | None:
    return None if start is None or end is None else (end - start) / timedelta(milliseconds=1)


def _add(sums: dict[str, float], key: str, value: float) -> None:
    sums[key] = sums.get(key, 0.0) + value
