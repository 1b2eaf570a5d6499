"""A step that a thread repeats; its runs are counted and logged."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import duckdb

from tape.execution.values import shortened
from tape.store.database import is_fatal, is_memory_short
from tape.store.errors import StoreError

_LOG = logging.getLogger("tape")


@dataclass
class Worker:
    """A repeated step: what it does, how often until ``stop``, and how its runs went."""

    name: str
    every_s: float
    step: Callable[[], bool | None]
    """Says whether there is more to do at once."""
    follows_ingest: bool = False
    """It is done at once when rows were stored."""
    last: Callable[[], bool | None] | None = None
    """The step that is done at the end of the process, after the steps under way; ``None``: nothing is."""
    room: Callable[[], AbstractContextManager[None]] = nullcontext
    """Makes room in memory for it, and keeps it for the length of the block."""
    is_left: bool = False
    """The process ends in the middle of its step: how that goes counts no more."""
    wake: threading.Event = field(default_factory=threading.Event)
    failures: int = 0
    error: str | None = None
    """Of the last step, ``None`` when it worked."""
    worked_at: float = field(default_factory=time.monotonic)
    """When the last step that worked ended, monotonic seconds; before there is one, when this was made."""

    def run(self, stop: threading.Event, on_fatal: Callable[[Exception], None]) -> None:
        while not stop.is_set():
            if not self.once(on_fatal):
                self.wake.wait(self.every_s)
                self.wake.clear()

    def end(self, until: float, on_fatal: Callable[[Exception], None]) -> bool:
        """Do the last step until nothing is left to do; return whether that was before ``until``, monotonic seconds."""
        if self.last is not None:
            self.step = self.last
            while self.once(on_fatal):
                if time.monotonic() > until:
                    return False
        return self.error is None

    def once(self, on_fatal: Callable[[Exception], None]) -> bool:
        """Do one step; return whether it worked and has more to do at once."""
        has_more = False
        try:
            has_more = bool(self._step())
        except Exception as error:  # noqa: BLE001 (a process loop: logged once, counted)
            if self.is_left:
                return False
            if is_fatal(error):
                on_fatal(error)
                return False
            if self.error is None:
                _LOG.error("%s: %s", self.name, error, exc_info=None if isinstance(error, StoreError) else error)
            self.failures += 1
            self.error = shortened(" ".join(str(error).split()), 300)
        else:
            if self.error is not None:
                _LOG.info("%s works again", self.name)
            self.error = None
            self.worked_at = time.monotonic()
        return has_more

    def _step(self) -> bool | None:
        try:
            return self.step()
        except (duckdb.Error, MemoryError) as error:
            if not is_memory_short(error):
                raise
            with self.room():
                return self.step()
