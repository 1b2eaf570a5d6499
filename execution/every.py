"""Timers that are due every N seconds, by the time that is passed in."""

from __future__ import annotations

from datetime import datetime, timedelta


class Every:
    """A timer: due the first time, after the interval since it was last due, and when time went back."""

    def __init__(self, seconds: float) -> None:
        self._period = timedelta(seconds=seconds)
        self._next: datetime | None = None

    def is_due(self, now: datetime) -> bool:
        if self._next is not None and self._next - self._period <= now < self._next:
            return False
        self._next = now + self._period
        return True
