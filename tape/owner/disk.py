"""Free space on the disk: the last of it is reserved for the journal.

A process whose database meets a full disk in the middle of a checkpoint cannot use the database any more, and an
executor that cannot record must end. The owner therefore checks before it writes:

- below ``warn_free`` it logs a warning;
- below ``keep_free`` it writes nothing, and is not ready, until there is space again: events recorded meanwhile wait in
  the journal, for which this space is reserved;
- a backup is made only if it leaves ``keep_free``.
"""

from __future__ import annotations

import logging
from pathlib import Path

from tape.doctor.checks import size
from tape.sections import StoreSettings
from tape.store.database import bytes_of
from tape.store.disk_space import existing, free_bytes
from tape.store.errors import StoreError
from tape.store.home import Layout
from tape.store.journal.segments import journal_folder

_LOG = logging.getLogger("tape")
_AGAIN = 1.1
"""Times ``keep_free`` must be free before the owner writes again, so that it does not stop at once."""


class DiskFull(StoreError):
    """A disk has too little free space for a write."""


class Disk:
    """The disks of a home's database and journal, one or two. Any thread may call it."""

    def __init__(self, home: Path, settings: StoreSettings) -> None:
        self._warn_bytes = bytes_of(settings.warn_free)
        self._keep_bytes = bytes_of(settings.keep_free)
        self._logs = Layout(home).logs
        self._journal = journal_folder(home)
        self._was_full = False
        self._was_low = False

    def is_full(self) -> bool:
        """Return whether the owner must not write; called before each transaction, as the answer takes microseconds."""
        # Ten per cent more to begin again than to stop, or it would go back and forth with every file.
        enough = self._keep_bytes * (_AGAIN if self._was_full else 1.0)
        self._was_full = free_bytes(self._logs) < enough
        return self._was_full

    def look(self) -> None:
        """Warn once while there is little space.

        Raises:
            DiskFull: there is too little space to go on.
        """
        if self.is_full():
            raise DiskFull(
                f"{self._found(self._logs, self._keep_bytes)}: nothing is stored, published or mirrored until there is"
                " room; what is recorded waits in the journal"
            )
        if free_bytes(self._journal) < self._keep_bytes:
            raise DiskFull(f"{self._found(self._journal, self._keep_bytes)}: soon nothing can be recorded")
        fullest = min((self._logs, self._journal), key=free_bytes)
        is_low = free_bytes(fullest) < self._warn_bytes
        if is_low and not self._was_low:
            left = f"below {size(self._keep_bytes)} nothing is stored any more"
            _LOG.warning("%s: make room; %s", self._found(fullest, self._warn_bytes), left)
        self._was_low = is_low

    def refuse_without_room(self, what: str, folder: Path, wanted_bytes: int) -> None:
        """Refuse a write that would leave too little free space; on a disk without home files it may take all.

        Raises:
            DiskFull: the write would leave too little space.
        """
        folder = existing(folder)
        # On a disk of its own a backup takes nothing from the journal.
        kept = self._keep_bytes if folder.stat().st_dev in (_device(self._logs), _device(self._journal)) else 0
        if (free := free_bytes(folder)) < wanted_bytes + kept:
            beside = f" and {size(kept)} that are kept for the journal" if kept else ""
            raise DiskFull(f"{what}: expected room for {size(wanted_bytes)}{beside}, found {size(free)}")

    def _found(self, folder: Path, expected_bytes: int) -> str:
        return f"disk of {folder}: expected {size(expected_bytes)} free, found {size(free_bytes(folder))}"


def _device(folder: Path) -> int:
    return existing(folder).stat().st_dev
