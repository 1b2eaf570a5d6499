"""The write lock of an open database: one writer at a time, and what is committed survives a power cut.

DuckDB syncs the files that it writes, but never the folder. A checkpoint removes the write-ahead log, and the next
commit makes a new one. Until the folder is synced, a power cut may lose the new log, or bring back the log of an older
checkpoint, with which the database cannot be opened. Releasing the lock therefore syncs the folder if the log is a new
file.
"""

from __future__ import annotations

import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from tape.store.durable import sync_folder


class Writing:
    """The lock: use ``with writing:`` around each writing transaction; a thread that holds it may take it again.

    Raises:
        OSError: at the end of the block: its commits may be lost in a power cut; the next block syncs again.
    """

    def __init__(self, database: Path) -> None:
        self._log = database.with_name(f"{database.name}.wal")
        self._lock = threading.RLock()
        self._seen = (0, 0)

    def __enter__(self) -> Self:
        self._lock.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            # Before the lock is released: the next to hold it may checkpoint, and the log that is looked at would be
            # gone.
            self._sync_name()
        finally:
            self._lock.release()

    def _sync_name(self) -> None:
        inode, size = self._seen
        now = self._look()
        # the number of a removed file may be given again at once, but a log only grows
        if now[0] != inode or now[1] < size:
            sync_folder(self._log.parent)
        self._seen = now

    def _look(self) -> tuple[int, int]:
        try:
            found = self._log.stat()
        except FileNotFoundError:
            return 0, 0
        return found.st_ino, found.st_size
