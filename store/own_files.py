"""A record of the files that Tape wrote, to tell them from files of other programs.

A file is foreign when its bytes are not those that Tape wrote last. The record is ``logs/tape.written``, one line for
each writing, appended and synced before the file gets its new content:

    <md5 of the new content>  <file>
    +<bytes of other programs at its beginning>  <log that Tape appends to>

A file below the home is named relative to the home, any other file by its whole path. The last two lines of a file
count: a process that dies between its line and the rename leaves the content of the line before. A process whose write
fails records the old content again before it retries. When the record has grown to COMPACT_BYTES, it is rewritten with
only the lines that count. An empty file, or one of NULs only, belongs to no program.

Laws kept here:
- no foreign file is replaced, truncated or moved unless it is taken over; a file that is taken over is first copied
  into ``logs/taken-over``;
- several processes may write to one record.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import shutil
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from tape.store.durable import make_folder, replacing, sync_folder, sync_names, write_whole
from tape.store.errors import StoreError
from tape.store.home import Layout

TAKEN_OVER = "taken-over"
"""The folder below ``logs`` that keeps what was replaced of other programs."""
COMPACT_BYTES = 1_000_000
_CHUNK = 1024 * 1024
_Version = tuple[int, int, int]


class ForeignFile(StoreError):
    """A file has other bytes than Tape wrote last, so it belongs to another program."""

    def __init__(self, path: Path, found: str, then: str) -> None:
        super().__init__(f"{path}: expected what Tape wrote there last, found {found}; {then}")
        self.path = path


TAKE_OVER = f"`--take-over` replaces it and keeps what is there in logs/{TAKEN_OVER}"


class OwnFiles:
    """The record of a home, and what it tells about a file."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._record = Layout(home).written
        self._lock = threading.Lock()
        self._read: tuple[int, int] | None = None
        self._compact_from = COMPACT_BYTES
        self._digests: dict[str, list[str]] = {}
        self._foreign_bytes: dict[str, int] = {}
        self._seen: dict[Path, tuple[_Version, str | None]] = {}
        """The files that were found to be own, and their digest: they are not read again while they are the same."""

    def knows(self, path: Path) -> bool:
        """Return whether the record has any line for a file."""
        self._load()
        name = self._name(path)
        return name in self._digests or name in self._foreign_bytes

    def is_own(self, path: Path) -> bool:
        """Return whether a file may be replaced: it is missing, empty, or has the bytes that Tape wrote last."""
        try:
            version = _version(path)
            # A published file is replaced every second: reading it each time would double the work of publishing.
            if path in self._seen and self._seen[path][0] == version:
                return True
            digest = digest_of(path)
        except FileNotFoundError:
            return True
        except OSError:
            return False
        self._load()
        if digest is not None and digest not in self._digests.get(self._name(path), ()):
            return False
        self._seen[path] = version, digest
        return True

    def refuse(self, path: Path, then: str = TAKE_OVER) -> None:
        """
        Raises:
            ForeignFile: the file is another program's.
        """
        if not self.is_own(path):
            raise ForeignFile(path, "another program's content", then)

    def take_over(self, path: Path) -> Path | None:
        """Make a foreign file Tape's own; return the path of its copy, ``None`` if the file is Tape's already."""
        if self.is_own(path):
            return None
        kept = set_aside(Layout(self.home).logs, path)
        if (digest := digest_of(path)) is not None:
            self.intend({path: digest})
        return kept

    def intend(self, digests: Mapping[Path, str]) -> None:
        """Record the future content of files, by md5. When this returns, the record survives a power cut.

        The present content of an own file stays on record, no matter how often the write fails.
        """
        self._load()
        lines = []
        for path, digest in digests.items():
            name = self._name(path)
            before = self._seen[path][1] if path.exists() and self.is_own(path) else None
            # A writing that failed has left its digest as the last. Two more of these would push the digest of what is
            # there out.
            if before is not None and self._digests.get(name, [before])[-1] != before:
                lines.append((before, name))
            lines.append((digest, name))
        if lines:
            self._append(lines)

    def foreign_bytes(self, log: Path) -> int | None:
        """Return how many bytes of other programs a log begins with; ``None`` if the record does not know the log."""
        self._load()
        return self._foreign_bytes.get(self._name(log))

    def begin_log(self, log: Path, foreign_bytes: int = 0) -> None:
        """Record that Tape appends to a log from here on, after this many bytes of other programs."""
        if self.foreign_bytes(log) != foreign_bytes:
            self._append([(f"+{foreign_bytes}", self._name(log))])

    def _name(self, path: Path) -> str:
        # The folder is resolved and the file is not: a link in its place is replaced, not what it leads to.
        whole = path.parent.resolve() / path.name
        home = self.home.resolve()
        return str(whole.relative_to(home) if whole.is_relative_to(home) else whole)

    def _load(self) -> None:
        """Read the record if it has changed since the last read."""
        try:
            stat = self._record.stat()
        except FileNotFoundError:
            self._read, self._digests, self._foreign_bytes = None, {}, {}
            return
        with self._lock:
            if self._read == (stat.st_ino, stat.st_size):
                return
            self._digests, self._foreign_bytes = {}, {}
            # The size that was read counts, not that of `stat`: lines may have come in between.
            content = self._record.read_bytes()
            for line in content.decode(errors="replace").splitlines():
                self._take(*line.partition("  ")[::2])
            self._read = stat.st_ino, len(content)

    def _take(self, said: str, name: str) -> None:
        if said.startswith("+") and said[1:].isdigit():
            self._foreign_bytes[name] = int(said[1:])
        elif len(said) == _DIGITS and name:
            self._digests[name] = [*self._digests.get(name, []), said][-2:]

    def _append(self, lines: list[tuple[str, str]]) -> None:
        try:
            self._put_on_record(lines)
        except OSError as error:
            # who may only read a home exports into folders elsewhere, and replaces nothing there the next time
            if error.errno not in _MAY_NOT_WRITE or not all(Path(name).is_absolute() for _, name in lines):
                raise

    def _put_on_record(self, lines: list[tuple[str, str]]) -> None:
        text = "".join(f"{said}  {name}\n" for said, name in lines).encode()
        with _locked(self._record) as fd:
            self._load()
            size = os.fstat(fd).st_size
            # half a line of a power cut must not swallow this one
            torn = b"\n" if size and os.pread(fd, 1, size - 1) != b"\n" else b""
            try:
                write_whole(fd, torn + text)
                os.fsync(fd)
            except OSError:
                os.ftruncate(fd, size)
                raise
            if size == 0:
                sync_names(self._record)
            with self._lock:
                for said, name in lines:
                    self._take(said, name)
                self._read = os.fstat(fd).st_ino, size + len(torn) + len(text)
            if size > self._compact_from:
                self._compact_from = max(COMPACT_BYTES, 2 * self._compact())

    def _compact(self) -> int:
        """Rewrite the record with the lines that count; return its size. Waiting processes then open the new file."""
        lines = [f"+{count}  {name}\n" for name, count in self._foreign_bytes.items()]
        for name, digests in self._digests.items():
            # not those of a folder that was exported to and is gone since
            if (self.home / name).parent.exists():
                lines += [f"{digest}  {name}\n" for digest in digests]
        part = self._record.with_name(f".{self._record.name}.part")
        content = "".join(lines).encode()
        with replacing(self._record, part) as file:
            file.write(content)
        sync_folder(self._record.parent)
        return len(content)


_DIGITS = 32
_MAY_NOT_WRITE = (errno.EACCES, errno.EPERM, errno.EROFS)


@contextmanager
def _locked(record: Path) -> Iterator[int]:
    """Open the record for one process at a time."""
    record.parent.mkdir(parents=True, exist_ok=True)
    while True:
        fd = os.open(record, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            try:
                # While this one waited, another may have compacted the record: then the lock is on a file without a
                # name.
                is_newest = os.fstat(fd).st_ino == record.stat().st_ino
            except FileNotFoundError:
                is_newest = False
            if is_newest:
                yield fd
                return
        finally:
            os.close(fd)


def _version(path: Path) -> _Version:
    stat = path.stat()
    return stat.st_ino, stat.st_mtime_ns, stat.st_size


def digest_of(path: Path) -> str | None:
    """Return the md5 of a file; ``None`` if it is empty or holds only NULs.

    Raises:
        OSError: the file cannot be read.
    """
    digest, is_empty = hashlib.md5(usedforsecurity=False), True
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            # A power cut leaves files of the right length whose content was never written: NULs, which are nobody's.
            is_empty = is_empty and not chunk.strip(b"\0")
    return None if is_empty else digest.hexdigest()


def set_aside(logs: Path, path: Path) -> Path:
    """Copy a file into ``logs/taken-over`` under a unique name, and sync the copy; return its path."""
    folder = logs / TAKEN_OVER
    make_folder(folder)
    named = kept = folder / f"{path.name}.{datetime.now(UTC):%Y%m%dT%H%M%S}"
    number = 1
    while True:
        try:
            fd = os.open(kept, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            break
        except FileExistsError:
            # What was set aside before is never replaced, also where two files come in one second.
            number += 1
            kept = named.with_name(f"{named.name}-{number}")
    with os.fdopen(fd, "wb") as copy, path.open("rb") as source:
        shutil.copyfileobj(source, copy, _CHUNK)
        copy.flush()
        os.fsync(copy.fileno())
    sync_folder(folder)
    return kept
