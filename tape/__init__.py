"""Tape: the telemetry store of a trading runtime. ``tape.connect(home)`` asks one; all else is the command line."""

from __future__ import annotations

from os import PathLike
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tape.reader import Reader


def connect(home: str | PathLike[str] | None = None) -> Reader:
    """Asks the store of a home folder; without one TAPE_HOME's, else the current folder's.

    Raises:
        StoreError: a setting of the home cannot be used.
    """
    from tape.reader import Reader  # with all it needs: importing this package costs nothing

    return Reader(home)
