"""The instants for which an owner publishes: those of the wall clock, which may be set.

Laws kept here:
- small corrections of the clock never move publications back: the last instant is kept until the clock reaches it;
- larger steps, back or forward, are followed, because events get their times from the same clock: otherwise the files
  would show old events, or no new ones. Each step is logged once, and kept for ``tape doctor``.

A step is the change of the wall clock against the time since boot. That time goes on while the machine sleeps, so a
sleep is not a step. The monotonic clock stands still during a sleep, which shows that there was one.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tape.client.instants import span

_LOG = logging.getLogger("tape")
KEPT = timedelta(seconds=2)
_TOGETHER_S = 0.1
"""Two clocks that are read within this time say the same moment."""


def since_boot_s() -> float:
    """Return the seconds since the machine was started, including sleep; nobody can set this clock."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass(frozen=True)
class Step:
    """The wall clock was set by ``by_s`` seconds (positive is forward) to ``at``, in its new time."""

    at: datetime
    by_s: float
    boot_s: float
    """The time since boot when that was found."""


class Clock:
    """The clock of an owner. ``last``: the instant of the newest publication of earlier owners."""

    def __init__(
        self,
        last: datetime | None,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
        boot_s: Callable[[], float] = since_boot_s,
        awake_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._last = last
        self._wall = wall
        self._boot_s = boot_s
        self._awake_s = awake_s
        self._asleep_s = boot_s() - awake_s()
        self._read: tuple[datetime, float] | None = None
        """The wall clock and the time since boot when they were read last."""
        self._lock = threading.Lock()
        self.steps_back = self.steps_forward = self.sleeps = 0
        """How often the wall clock was found set, and the machine found to have slept."""
        self.last_step: Step | None = None

    @property
    def breaks(self) -> int:
        """How often the time jumped: files may then be older or newer than their cadence says."""
        return self.steps_back + self.steps_forward + self.sleeps

    def now(self) -> datetime:
        """Return the instant to publish for."""
        with self._lock:
            now, boot_s = self._together()
            self._notice_sleep(boot_s)
            last = self._last
            # A clock that is corrected by a little would publish an older instant than the last one. Until it has
            # caught up that one is kept.
            if last is not None and timedelta(0) < last - now <= KEPT:
                return last
            if (moved_s := self._moved_s(now, boot_s)) is not None:
                self._step(Step(now, moved_s, boot_s), last)
            # Not while an instant is kept: small corrections would add up without ever being a step.
            self._read = now, boot_s
            self._last = now
            return now

    def _together(self) -> tuple[datetime, float]:
        """Return both clocks at one moment; they are read again if this thread had to wait between the two."""
        for _ in range(20):
            before_s, now = self._boot_s(), self._wall()
            boot_s = self._boot_s()
            if boot_s - before_s <= _TOGETHER_S:
                break
        return now, boot_s

    def _moved_s(self, now: datetime, boot_s: float) -> float | None:
        """Return by how many seconds the wall clock was set since the last read; ``None`` for a mere correction."""
        # At the start there is only the last publication to compare with. A clock that is ahead of it is no step, but
        # time.
        if self._read is None:
            before = self._last
            return None if before is None or before - now <= KEPT else (now - before).total_seconds()
        wall, read_s = self._read
        moved_s = (now - wall).total_seconds() - (boot_s - read_s)
        return moved_s if abs(moved_s) > KEPT.total_seconds() else None

    def _notice_sleep(self, boot_s: float) -> None:
        # Time since boot goes on during a sleep and the monotonic clock stands still, so the difference is the time
        # asleep.
        before_s, self._asleep_s = self._asleep_s, boot_s - self._awake_s()
        if self._asleep_s - before_s > KEPT.total_seconds():
            self.sleeps += 1
            slept = span(self._asleep_s - before_s)
            _LOG.warning("the machine slept for %s: nothing was stored or published meanwhile", slept)

    def _step(self, step: Step, last: datetime | None) -> None:
        is_back = step.by_s < 0
        self.steps_back += is_back
        self.steps_forward += not is_back
        self.last_step = step
        then = "files go back with it, and what is stamped later is seen when that time comes"
        _LOG.warning(
            "the clock was set %s by %s: published last for %s, now it is %s; %s",
            "back" if is_back else "forward",
            span(abs(step.by_s)),
            "-" if last is None else last.isoformat(),
            step.at.isoformat(),
            then if is_back else "windows and ages go forward with it",
        )
