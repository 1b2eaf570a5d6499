"""How far an account was read and told, and the orders that are at work: what a venue goes on from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from tape.execution.venues.binance_rows import (
    OrderKey,
    Trade,
)
from tape.execution.venues.venue import (
    FundingPaid,
    Order,
    Transferred,
)

ENDED: Mapping[str, Literal["CANCELED", "EXPIRED", "REJECTED"]] = {
    "CANCELED": "CANCELED",
    "EXPIRED": "EXPIRED",
    "EXPIRED_IN_MATCH": "EXPIRED",
    "REJECTED": "REJECTED",
}


@dataclass(slots=True)
class Sent:
    """An order that was sent, and what is known of it. ``order_id`` None: whether it arrived is not known."""

    order: Order
    sent_at: datetime | None
    latency_ms: float | None = None
    order_id: str | None = None
    taken_at: datetime | None = None
    changed_at: datetime | None = None
    status: str = "NEW"
    executed_qty: float = 0.0
    told_qty: float = 0.0
    is_acked: bool = False
    is_unwanted: bool = False
    has_lost_trade: bool = False
    """One of its trades could not be read, so that what is told never reaches what was executed."""
    has_never_arrived: bool = False

    @property
    def is_over(self) -> bool:
        """Nothing more can happen to it, as far as the exchange has said."""
        return self.status in ENDED or self.status == "FILLED" or self.has_never_arrived

    @property
    def key(self) -> OrderKey | None:
        """Symbol and order id, once the order id is known."""
        return None if self.order_id is None else (self.order.symbol, self.order_id)


@dataclass(frozen=True, slots=True)
class Behind:
    """The order of a trade. ``filled_qty``: its whole quantity once it is filled, else null.

    ``client_order_id`` is the order id where the exchange states none (liquidations) or forgot the order.
    """

    client_order_id: str
    filled_qty: float | None


@dataclass(slots=True)
class Funding:
    """How far payments of a kind were read: up to ``from_ms``, with what was read of that instant, and what was not
    told yet."""

    from_ms: int | None = None
    seen: list[str] = field(default_factory=list)
    untold: list[FundingPaid | Transferred] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an account was read and told at ``now``, and the orders that are at work.

    ``since_ms``: trades are told from this instant on; ``asked_from_ms``: of symbols without one, up to where there was
    none; ``last_trade``: number of the last trade read, by symbol; ``trades`` and ``refused``: read, and not told yet.
    """

    now: datetime
    since_ms: int
    symbols: tuple[str, ...]
    asked_from_ms: dict[str, int]
    last_trade: dict[str, int]
    trades: list[Trade]
    refused: list[tuple[Order, str]]
    sent: list[Sent]
    funding: Funding
    transfers: Funding = field(default_factory=Funding)
