"""Intents: what a strategy asks for, before any check."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tape.execution.venues.venue import Side, sign


@dataclass(frozen=True, slots=True)
class Intent:
    """A wish to trade. ``price``: the price it was decided at, quote/base; ``qty``: base units, positive."""

    intent_id: str
    attempt_id: str
    ts: datetime
    symbol: str
    side: Side
    qty: float
    price: float
    strategy: str
    signal_ts: datetime
    leverage: float = 1.0
    reduce_only: bool = False
    confidence: float | None = None
    expected_edge: float | None = None

    @property
    def notional_usd(self) -> float:
        return self.qty * self.price

    @property
    def signed_qty(self) -> float:
        return sign(self.side) * self.qty
