"""Where a simulated venue has its prices from: a made-up market (paper) or a recorded one (replay).

A market is a sequence of steps in the order of time. Between two steps of a symbol its quote stands still.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from tape.execution.venues.venue import Quote


@dataclass(frozen=True, slots=True)
class Step:
    """A new quote, and what was traded since the step before: the range of prices, and how much.

    ``low`` and ``high`` are null when nothing was traded. ``sold`` and ``bought`` are base units by the side of the
    taker: what was sold went into the bids, what was bought out of the asks.
    """

    quote: Quote
    low: float | None
    high: float | None
    sold: float
    bought: float


class Market(Protocol):
    """Steps of some symbols."""

    @property
    def symbols(self) -> Sequence[str]: ...

    def steps(self, until: datetime) -> Iterator[Step]:
        """The steps behind the last one given out, up to and with an instant, in the order of time, ties by symbol."""
        ...
