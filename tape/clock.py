"""The instants an owner publishes for: the wall clock's, which may be set back.

Laws kept here:
- what is published never goes back by the little that a clock is corrected by: the last instant is kept so long;
- a clock that is set back by more is followed, because events are stamped by it too: else files would show, until it
  has caught up, what was the case before. It is said once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

_LOG = logging.getLogger("tape")
KEPT = timedelta(seconds=2)


class Clock:
    """``last``: the instant of the newest publication of owners before this one."""

    def __init__(self, last: datetime | None, wall: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._last = last
        self._wall = wall
        self.steps_back = 0
        """How often the wall clock was found set back."""

    def now(self) -> datetime:
        """The instant to publish for."""
        now, last = self._wall(), self._last
        if last is not None and now < last:
            if last - now <= KEPT:
                return last
            self.steps_back += 1
            _LOG.warning(
                "the clock was set back: published last for %s, now it is %s; files go back with it, and what is"
                " stamped later is seen when that time comes",
                last.isoformat(),
                now.isoformat(),
            )
        self._last = now
        return now
