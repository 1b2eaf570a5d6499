"""Tape: the telemetry store of a trading runtime.

A producer needs ``Journal`` and the events, which load no database::

    from tape import Journal, Ticked

``connect(home)`` opens the store of a home folder for queries. The command line is ``tape``. All names are loaded on
first use, so that ``import tape`` itself is cheap.
"""

from __future__ import annotations

from importlib import import_module
from os import PathLike
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tape.client.reader import Reader
    from tape.execution.events import (
        ConfigChanged,
        Event,
        EventRefused,
        FlagsRecorded,
        FundingSettled,
        HeartbeatSent,
        IntentVetoed,
        MarkObserved,
        OrderAcked,
        OrderAttempted,
        OrderClosed,
        OrderFailed,
        OrderFilled,
        OrderMeasured,
        PositionMarked,
        RouterHealthLogged,
        ShadowDecided,
        SymbolToggled,
        Ticked,
        TransferRecorded,
    )
    from tape.store.journal.segments import JournalError
    from tape.store.journal.writer import Journal

__all__ = [
    "ConfigChanged",
    "Event",
    "EventRefused",
    "FlagsRecorded",
    "FundingSettled",
    "HeartbeatSent",
    "IntentVetoed",
    "Journal",
    "JournalError",
    "MarkObserved",
    "OrderAcked",
    "OrderAttempted",
    "OrderClosed",
    "OrderFailed",
    "OrderFilled",
    "OrderMeasured",
    "PositionMarked",
    "RouterHealthLogged",
    "ShadowDecided",
    "SymbolToggled",
    "Ticked",
    "TransferRecorded",
    "connect",
]

_JOURNAL_NAMES = {"Journal", "JournalError"}


def connect(home: str | PathLike[str] | None = None) -> Reader:
    """Return a reader of the store of a home folder; by default of TAPE_HOME, else of the current folder.

    Raises:
        StoreError: a setting of the home is invalid.
    """
    from tape.client.reader import Reader  # loads the database, which producers do without

    return Reader(home)


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module("tape.store.journal.writer" if name in _JOURNAL_NAMES else "tape.execution.events")
    return globals().setdefault(name, getattr(module, name))


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
