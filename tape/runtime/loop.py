"""The loop that steps an executor at its interval."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

from tape.execution.executor import Executor

_LOG = logging.getLogger("tape")
_TOLD_EVERY_S = 60.0


class Loop:
    """Steps an executor at its interval. A step that takes too long costs ticks, which are counted, not repeated.

    A failed step is counted, and logged once until a step works again; the loop ends when the executor has ended.
    """

    def __init__(self, executor: Executor, interval_s: float, keep: Callable[[], None]) -> None:
        self.executor = executor
        self.failures = 0
        self._interval_s = interval_s
        self._keep = keep
        self._is_failing = False
        self._told_at = -_TOLD_EVERY_S

    def run(self, stop: threading.Event) -> None:
        counts, due = self.executor.counts, time.monotonic()
        while not stop.is_set():
            counts.lag_s = max(0.0, time.monotonic() - due)
            self._step()
            due += self._interval_s
            late = time.monotonic() - due
            if late > 0:
                left_out = int(late // self._interval_s) + 1
                counts.overruns += left_out
                due += left_out * self._interval_s
                self._tell("a tick took %.2f s, expected at most %.2f s", self._interval_s + late, self._interval_s)
            stop.wait(max(0.0, due - time.monotonic()))

    def _step(self) -> None:
        try:
            self.executor.step(datetime.now(UTC))
            self._keep()
        except Exception:
            if self.executor.is_over:
                raise
            self.failures += 1
            if not self._is_failing:
                _LOG.exception("a tick failed; the next one is tried")
            self._is_failing = True
        else:
            if self._is_failing:
                _LOG.info("ticks work again")
            self._is_failing = False

    def _tell(self, text: str, *values: float) -> None:
        """Log a message at most once a minute."""
        if time.monotonic() - self._told_at >= _TOLD_EVERY_S:
            self._told_at = time.monotonic()
            _LOG.warning(text, *values)
