"""How much memory this process may have."""

from __future__ import annotations

import resource
from pathlib import Path

_STATUS = Path("/proc/self/status")


def bound_memory(more: int) -> None:
    """From now on the process gets so many bytes more than it has; what asks for more than is left, fails.

    DuckDB's ``memory_limit`` counts its blocks, and neither the texts and lists a query computes nor what Python makes
    of its rows: one call of ``range()`` takes all that a machine has, and the kernel ends the process. So that the
    query ends instead, the kernel is told to refuse it. Does nothing where ``/proc`` does not say what the process has.
    """
    if not _STATUS.exists():
        return
    has = int(_STATUS.read_text().partition("VmData:")[2].split()[0]) * 1024
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    bound = has + more
    resource.setrlimit(resource.RLIMIT_DATA, (bound if hard == resource.RLIM_INFINITY else min(bound, hard), hard))
