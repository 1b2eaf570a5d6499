"""What this process takes of the machine's memory while queries run, and what it may take at most."""

from __future__ import annotations

import resource
from pathlib import Path

_STATM = Path("/proc/self/statm")


class MemoryBound:
    """From a mark on, the process may map so many bytes more than it has; what asks for more, fails.

    DuckDB's ``memory_limit`` counts its blocks, and neither the texts and lists a query computes nor what Python makes
    of its rows: a text that is doubled thirty times takes all that a machine has, and the kernel ends the process. So
    that the query ends instead, the kernel is told to refuse it. That is for what asks for much at once: few programs
    survive when they are refused a little, DuckDB among those that do not, so ``grown`` is looked at long before.

    Allocators keep mapped what they got back, so a mark is set anew whenever nothing large is under way. Nothing is
    bounded where there is no ``/proc``.
    """

    def __init__(self, more: int) -> None:
        self._more = more
        self._mark = _mapped()

    def mark(self) -> None:
        """The process has what it has now, and may get so many bytes more."""
        self._mark = _mapped()
        if self._mark:
            _, hard = resource.getrlimit(resource.RLIMIT_DATA)
            bound = self._mark + self._more
            bound = bound if hard == resource.RLIM_INFINITY else min(bound, hard)
            resource.setrlimit(resource.RLIMIT_DATA, (bound, hard))

    def grown(self) -> int:
        """Bytes mapped since the mark."""
        return _mapped() - self._mark


def _mapped() -> int:
    """What the kernel bounds, bytes; 0 where it does not say."""
    if not _STATM.exists():
        return 0
    with _STATM.open("rb", buffering=0) as file:
        return int(file.read().split()[5]) * resource.getpagesize()
