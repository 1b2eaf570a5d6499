"""The interface of a log's content: the next lines to write, and the last row that they cover."""

from __future__ import annotations

from typing import NamedTuple, Protocol


class Lines(NamedTuple):
    """The next lines of a log."""

    lines: list[tuple[str, bytes]]
    """Each with its ``event_id``."""
    last_seq: int
    """The number of the row they reach."""
    are_all: bool
    """Whether no row is left behind them that the log may hold already; ``False`` where nobody looked."""


class Mirror(Protocol):
    """The content of one live log."""

    name: str
    tables: tuple[str, ...]
    """Where its lines come from, when from tables alone: while these are the same, there is no news."""

    def lines(self, last_seq: int) -> Lines:
        """Return the lines after the row of this number; none if there are no new ones."""
        ...

    def wrote(self) -> None:
        """Called when these lines are on disk."""
        ...
