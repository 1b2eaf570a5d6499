"""What is told of an order and its trades."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from math import isclose
from typing import cast

from tape.execution.venues.binance_rows import OrderKey, Trade
from tape.execution.venues.ccxt_progress import ENDED, Behind, Sent
from tape.execution.venues.venue import Acked, Ended, Traded, Update

Placed = tuple[datetime, int, int, Update]
"""An update and where it comes among those of one instant: acks, then trades by their number, then ends."""


def acks_and_trades(
    sent: Iterable[Sent], trades: Sequence[Trade], orders: Mapping[OrderKey, Behind], now: datetime
) -> Iterator[Placed]:
    """Yield the acknowledgements and the trades up to ``now``, and note in the orders sent that they are told.

    ``trades``: all that are not told yet; ``orders``: the order of each of them.
    """
    newest = {trade.order: trade.number for trade in sorted(trades, key=lambda trade: trade.number)}
    due = [trade for trade in trades if trade.ts <= now]
    own = {each.key: each for each in sent if each.key is not None}
    for each in own.values():
        if not each.is_acked and (ack := acked(each, due)).ts <= now:
            each.is_acked = True
            yield ack.ts, 0, 0, ack
    for trade in sorted(due, key=lambda trade: (trade.ts, trade.number)):
        behind, mine = orders[trade.order], own.get(trade.order)
        is_last = behind.filled_qty is not None and trade.number == newest[trade.order]
        client_order_id = behind.client_order_id if mine is None else mine.order.client_order_id
        if mine is not None:  # its trades may show up later than its state
            mine.told_qty += trade.qty
            is_last = behind.filled_qty is not None and reaches(mine.told_qty, behind.filled_qty)
        yield trade.ts, 1, trade.number, traded(trade, client_order_id, is_last)


def named(sent: Sent) -> dict[str, str]:
    """How to ask for an order: by its order id once it is known, since a client order id may be used again."""
    name = ("origClientOrderId", sent.order.client_order_id) if sent.order_id is None else ("orderId", sent.order_id)
    return {"symbol": sent.order.symbol, name[0]: name[1]}


def acked(sent: Sent, due: Iterable[Trade]) -> Acked:
    """The acknowledgement; never behind the order's first trade."""
    taken_at = min([cast(datetime, sent.taken_at), *(trade.ts for trade in due if trade.order == sent.key)])
    order = sent.order
    return Acked(order.client_order_id, cast(str, sent.order_id), order.symbol, taken_at, "NEW", sent.latency_ms)


def traded(trade: Trade, client_order_id: str, is_last: bool) -> Traded:
    return Traded(
        client_order_id=client_order_id,
        order_id=trade.order_id,
        trade_id=str(trade.number),
        symbol=trade.symbol,
        side=trade.side,
        ts=trade.ts,
        qty=trade.qty,
        price=trade.price,
        fee=trade.fee,
        fee_asset=trade.fee_asset,
        is_maker=trade.is_maker,
        status="FILLED" if is_last else "PARTIALLY_FILLED",
        position_side=trade.position_side,
    )


def ended(sent: Sent, now: datetime, due: Iterable[Trade]) -> Ended | None:
    """The end of an order that is not filled, once its ack and all its trades are told."""
    order = sent.order
    if sent.has_never_arrived:
        return Ended(order.client_order_id, None, order.symbol, now, "REJECTED", "it never reached the venue")
    is_cut = sent.status == "FILLED" and sent.has_lost_trade and not reaches(sent.told_qty, sent.executed_qty)
    status = "EXPIRED" if is_cut else ENDED.get(sent.status)
    if status is None or not sent.is_acked or not is_told(sent):
        return None
    ended_at = max([cast(datetime, sent.changed_at), *(trade.ts for trade in due if trade.order == sent.key)])
    if ended_at > now:
        return None
    reason = sent.status.lower().replace("_", " ")
    if is_cut:
        reason = "filled, by trades of which one cannot be read"
    return Ended(order.client_order_id, sent.order_id, order.symbol, ended_at, status, reason)


def is_told(sent: Sent) -> bool:
    return sent.has_lost_trade or reaches(sent.told_qty, sent.executed_qty)


def reaches(qty: float, whole: float) -> bool:
    return qty >= whole or isclose(qty, whole, rel_tol=1e-9)
