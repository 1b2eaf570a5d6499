"""Counts of an executor's work, for panels and status."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Counts:
    """The executor's work so far."""

    ticks: int = 0
    events: int = 0
    attempts: int = 0
    fills: int = 0
    closes: int = 0
    vetoes: int = 0
    shadow_allowed: int = 0
    shadow_vetoed: int = 0
    overruns: int = 0
    missed_ticks: int = 0
    """Ticks at which the venue could not be asked."""
    strategy_errors: int = 0
    """Ticks at which the strategy failed."""
    lag_s: float = 0.0
    """How late the last tick began."""
    equity_usd: float | None = None
    positions: int = 0
    realized_usd: float = 0.0
