"""A JSONL log that grows line by line and is rotated.

Laws kept here: a line is written whole and once, even if processes are killed: lines that a killed process wrote after
the offset in the database are matched by ``event_id`` before anything is appended. A rotated log keeps its inode and
moves to a unique name below ``archive/``, which is never overwritten and matches no glob for live logs. A database that
has lost its tail, or was rebuilt, may not know of a rotation: lines in such an archive are matched too. While lines are
matched, the log is not rotated, and its watermark stays where the matching began, so that the next owner can repeat the
matching if this one dies.
"""

from __future__ import annotations

import gzip
import os
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, cast

import orjson

from tape.store.durable import sync_folder, sync_names, write_whole
from tape.store.own_files import ForeignFile, OwnFiles

ROTATE_BYTES = 10 * 1024 * 1024


class MirrorFile:
    """The log at ``path``, known to be written up to ``offset`` bytes, after the row numbered ``last_seq``.

    ``offset`` is 0 if the recorded offset belongs to a log that was rotated since. ``in_archives``: some lines to be
    matched are in archives; ``last_seq`` tells these archives from those that the database knows of.
    """

    def __init__(
        self,
        path: Path,
        offset: int,
        *,
        last_seq: int | None = None,
        rotate_bytes: int = ROTATE_BYTES,
        own: OwnFiles | None = None,
    ) -> None:
        """
        Raises:
            ForeignFile: with ``own``: another program has written into the log.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._own = own
        foreign_bytes = None if own is None else _foreign_bytes(own, path)
        self._rotate_bytes = rotate_bytes
        # Rotated logs whose rows the database does not know to be written: it has lost its tail since.
        archived = [] if last_seq is None else self._archived_behind(last_seq)
        # Else the offset is one within a log that has another name by now.
        is_same_log = not archived and path.exists() and offset <= path.stat().st_size
        self.offset = offset if is_same_log else 0
        self.in_archives = bool(archived)
        if foreign_bytes is not None and has_foreign_lines(path, max(self.offset, foreign_bytes)):
            raise _shared(path)
        self._written = self._recover()
        self._size = path.stat().st_size if path.exists() else 0
        for archive in archived:
            self._written.update(_ids_in(archive))

    @property
    def is_matching(self) -> bool:
        """Return whether lines that the log has already may still come."""
        return bool(self._written)

    def match_no_more(self) -> None:
        """End the matching: all lines have come. Lines of the log that did not come have lost or imported rows."""
        self._written.clear()

    def append(self, lines: Iterable[tuple[str, bytes]]) -> int:
        """Append lines (event_id, line) that the log does not have, sync them, and return the size of the log.

        Raises:
            OSError: nothing was appended.
        """
        lines = list(lines)
        new = b"".join(line for event_id, line in lines if event_id not in self._written)
        size = self._append(new) if new or self._path.exists() else 0
        # Each id once: what was matched cannot come again, and the set shrinks to nothing.
        self._written.difference_update(event_id for event_id, _ in lines)
        return size

    def rotate_if_full(self, size: int, last_seq: int) -> bool:
        """Move a full log to the archive; ``last_seq``, the number of its last row, is part of the archived name."""
        if size < self._rotate_bytes:
            return False
        folder = self._path.parent / "archive"
        folder.mkdir(exist_ok=True)
        archive = folder / f"{self._path.name}.{datetime.now(UTC):%Y%m%dT%H%M%S.%f}.{last_seq}"
        # Two rotations may fall into one microsecond of a clock that was set back.
        while archive.exists():
            archive = archive.with_name(f"{archive.name}+")
        self._path.rename(archive)
        sync_folder(folder)
        # The new name before the loss of the old one: a power cut may leave both, never none.
        sync_folder(self._path.parent)
        self._size = 0
        if self._own is not None:
            # The log that begins now has no bytes of another program at its start, whatever the rotated one had.
            self._own.begin_log(self._path)
        return True

    def _append(self, new: bytes) -> int:
        fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        try:
            size = os.fstat(fd).st_size
            # an empty log was begun anew by whoever rotates logs here; any other size is another writer's
            if self._own is not None and size not in (0, self._size):
                raise _shared(self._path)
            try:
                write_whole(fd, new)
                os.fsync(fd)
                if size == 0:
                    sync_names(self._path)
            except OSError:
                # also where only a sync failed: the kernel counts those pages as clean, no later sync writes them
                os.ftruncate(fd, size)
                raise
        finally:
            os.close(fd)
        self._size = size + len(new)
        return self._size

    def _archived_behind(self, last_seq: int) -> list[Path]:
        """Return the archives that reach beyond the row of this number: rotations unknown to the database."""
        return [path for path, reached in _archives(self._path) if reached > last_seq]

    def _recover(self) -> set[str]:
        """Repair the last line and return the ids of the lines after the offset.

        A log that is shorter than the offset was rotated before the database learned of it: all its lines count. Lines
        of an old runtime have no ids.
        """
        if not self._path.exists():
            return set()
        found = set()
        with self._path.open("rb+") as file:
            file.seek(self.offset)
            line = b""
            for line in file:
                if (event_id := _event_id(line)) is not None:
                    found.add(event_id)
            if line and not line.endswith(b"\n"):
                _mend(file, line)
        return found


_ARCHIVED = re.compile(r"\.\d{8}T\d{6}\.\d{6}\.(\d+)\+*(?:\.gz)?$")
"""What the name of a log ends with that was rotated here: when, and the number of its last row."""


def is_archived_mirror(path: Path) -> bool:
    """Return whether a file has the name of a log that was rotated here."""
    return _ARCHIVED.search(path.name) is not None


def _foreign_bytes(own: OwnFiles, path: Path) -> int:
    """Return how many bytes of another program a log begins with; an empty log is begun.

    Raises:
        ForeignFile: a log exists that Tape has not begun.
    """
    if (known := own.foreign_bytes(path)) is not None:
        return known
    if path.exists() and path.stat().st_size:
        raise _shared(path)
    own.begin_log(path)
    return 0


def _shared(path: Path) -> ForeignFile:
    return ForeignFile(
        path,
        "what another program has written",
        "nothing is appended and nothing rotated: stop that program and start Tape with --take-over",
    )


def has_foreign_lines(path: Path, start: int) -> bool:
    """Return whether a complete line after this many bytes has no ``event_id``; every line of Tape has one."""
    if not path.exists():
        return False
    with path.open("rb") as file:
        file.seek(start)
        return any(line.strip(b"\0\n") and _event_id(line) is None for line in file if line.endswith(b"\n"))


def newest_part(log: Path) -> Path:
    """Return the log itself, or the newest archive if nothing was written since the rotation."""
    if log.exists() and log.stat().st_size:
        return log
    return max(_archives(log), key=lambda archive: archive[0].name.removesuffix(".gz"), default=(log, 0))[0]


def open_part(path: Path) -> BinaryIO:
    """Open a log or an archive for reading, compressed or not, even if it was compressed since it was found.

    Raises:
        FileNotFoundError: it does not exist.
    """
    if path.suffix != ".gz":
        try:
            return path.open("rb")
        except FileNotFoundError:
            # Housekeeping may have compressed it between the listing and the opening.
            path = path.with_name(f"{path.name}.gz")
    return cast(BinaryIO, gzip.open(path))


def _archives(log: Path) -> list[tuple[Path, int]]:
    """Return the archives of a log, each with the number of its last row."""
    found = (log.parent / "archive").glob(f"{log.name}.*")
    return [(path, int(name[1])) for path in found if (name := _ARCHIVED.search(path.name))]


def _ids_in(archive: Path) -> Iterator[str]:
    with open_part(archive) as file:
        for line in file:
            if (event_id := _event_id(line)) is not None:
                yield event_id


def _mend(file: BinaryIO, line: bytes) -> None:
    """Complete a last line that lacks only its newline; cut off half a line."""
    try:
        orjson.loads(line)
    except orjson.JSONDecodeError:
        # Half a line was never whole on disk, so its row is not counted as written and comes again.
        file.truncate(file.tell() - len(line))
    else:
        file.write(b"\n")
    file.flush()
    os.fsync(file.fileno())


def _event_id(line: bytes) -> str | None:
    try:
        document = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    event_id = document.get("event_id") if isinstance(document, dict) else None
    return None if event_id is None else str(event_id)
