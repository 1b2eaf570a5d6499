"""What a log is made of: the lines that follow those written already, and how far rows are written with them."""

from __future__ import annotations

from typing import NamedTuple, Protocol


class Lines(NamedTuple):
    """Lines that come next in a log."""

    lines: list[tuple[str, bytes]]
    """Each with its ``event_id``."""
    last_seq: int
    """The number of the row they reach."""
    are_all: bool
    """Whether no row is left behind them that the log may hold already; ``False`` where nobody looked."""


class Mirror(Protocol):
    """One log kept alive."""

    name: str
    tables: tuple[str, ...]
    """Where its lines come from, when from tables alone: while these are the same, there is no news."""

    def lines(self, last_seq: int) -> Lines:
        """The lines behind the row of this number; none: no news."""
        ...

    def wrote(self) -> None:
        """These lines are on disk."""
        ...
