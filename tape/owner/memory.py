"""What this process takes of the machine's memory."""

from __future__ import annotations

import resource
from pathlib import Path

_STATM = Path("/proc/self/statm")


def own_bytes() -> int:
    """Memory that the process has and shares with nobody; 0 where the system does not say."""
    if not _STATM.exists():
        return 0
    with _STATM.open("rb", buffering=0) as file:
        _, resident, shared, *_ = file.read().split()
    return (int(resident) - int(shared)) * resource.getpagesize()
