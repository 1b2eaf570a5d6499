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

    What is mapped is bounded, what is resident is looked at: allocators keep mapped what they got back. So a mark is
    set anew whenever nothing large is under way. Nothing is bounded where there is no ``/proc``.
    """

    def __init__(self, more: int) -> None:
        self._more = more
        self._had, _ = _now()

    def mark(self) -> None:
        """The process has what it has now, and may map so many bytes more."""
        self._had, mapped = _now()
        if mapped:
            _, hard = resource.getrlimit(resource.RLIMIT_DATA)
            bound = mapped + self._more
            bound = bound if hard == resource.RLIM_INFINITY else min(bound, hard)
            resource.setrlimit(resource.RLIMIT_DATA, (bound, hard))

    def grown(self) -> int:
        """Bytes that the process has more than at the mark."""
        return _now()[0] - self._had


def _now() -> tuple[int, int]:
    """Bytes that are resident and shared with nobody, and that are mapped, as the kernel bounds it; else 0."""
    if not _STATM.exists():
        return 0, 0
    with _STATM.open("rb", buffering=0) as file:
        _, resident, shared, _, _, data, _ = (int(pages) * resource.getpagesize() for pages in file.read().split())
    return resident - shared, data
