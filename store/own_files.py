"""Files of other programs: how they are told from this program's own, and where they are kept once replaced."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

from tape.store.errors import StoreError
from tape.store.journal import make_folder, sync_folder

TAKEN_OVER = "taken-over"
"""The folder below ``logs`` that keeps what was replaced of other programs."""


class ForeignFile(StoreError):
    """A file has other bytes than this program wrote there last, so it belongs to somebody else."""

    def __init__(self, path: Path, found: str) -> None:
        super().__init__(f"{path}: expected what Tape wrote there last, found {found}")
        self.path = path


def set_aside(logs: Path, path: Path) -> Path:
    """Copies a file into ``logs/taken-over``, under a name of its own, and syncs the copy; returns where it lies."""
    folder = logs / TAKEN_OVER
    make_folder(folder)
    named = kept = folder / f"{path.name}.{datetime.now(UTC):%Y%m%dT%H%M%S}"
    number = 1
    while True:
        try:
            fd = os.open(kept, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            break
        except FileExistsError:
            number += 1
            kept = named.with_name(f"{named.name}-{number}")
    with os.fdopen(fd, "wb") as copy, path.open("rb") as source:
        shutil.copyfileobj(source, copy, 1024 * 1024)
        copy.flush()
        os.fsync(copy.fileno())
    sync_folder(folder)
    return kept
