"""The journal that producers write: events are durable here before the store has read them.

Laws kept here:
- one process writes one segment at a time and shares no lock with another; recording never waits for a database;
- one ``record()`` is one batch, one ``write(2)``, one line: it is written whole or not at all;
- a batch survives a crash of its process once ``record()`` returns, and a power cut after the next group fsync;
  ``durable=True`` waits for that fsync;
- a batch that cannot be written raises an exception or counts as a drop, never silently: its number stays missing.
"""

from __future__ import annotations

import fcntl
import logging
import os
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self
from zlib import crc32

import orjson

from tape.store.durable import make_folder, sync_folder, write_whole
from tape.store.event_json import to_json
from tape.store.journal.segments import MAGIC, NAME, REFUSED, SEGMENT_BYTES, JournalError, journal_folder, segment_name

if TYPE_CHECKING:
    from tape.execution.events import Event

FSYNC_EVERY_S = 0.05
_FAILURES = 100
"""How many failed syncs are remembered for callers that wait; callers ask within milliseconds."""
_LOG = logging.getLogger(__name__)


class Journal:
    """The writing end of the journal: ``with Journal(home, producer="executor") as journal: journal.record([..])``.

    Any thread of the process may record; a forked child opens a journal of its own. With ``on_error="drop"``, a batch
    that cannot be written raises nothing: it is counted in ``dropped``, and its number stays missing in the journal.
    ``run_id`` identifies this run of the producer and is generated unless given. ``clock_ns`` gives the time at which a
    batch is recorded; a replay passes its own clock.

    Raises:
        JournalError: the segment cannot be created.
        ValueError: ``producer`` or ``run_id`` is not a plain name.
    """

    def __init__(
        self,
        home: Path | str,
        producer: str,
        *,
        run_id: str | None = None,
        on_error: Literal["raise", "drop"] = "raise",
        fsync_every_s: float = FSYNC_EVERY_S,
        segment_bytes: int = SEGMENT_BYTES,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.producer = producer
        self.run_id = run_id or f"{datetime.now(UTC):%Y%m%dT%H%M%S}.{os.urandom(4).hex()}"
        # The events take longer to import than everything else. They load when a journal is opened: importing this
        # module stays cheap, and the first event does not wait for the load.
        from tape.execution import events

        events.build_models()
        self._events = events
        for what, name in (("producer", producer), ("run_id", self.run_id)):
            if not NAME.fullmatch(name):
                raise ValueError(f"{what}: expected letters, digits, dots and underscores, found {name!r}")
        self.recorded = 0
        """Batches written."""
        self.recorded_events = 0
        """Events in them."""
        self.dropped = 0
        """Batches that could not be written, with ``on_error="drop"``."""
        self._folder = journal_folder(Path(home))
        self._drops = on_error == "drop"
        self._clock_ns = clock_ns
        self._segment_bytes = segment_bytes
        self._pid = os.getpid()
        self._ids = count(1)
        self._seq = self._number = self._size = self._synced_to = 0
        self._fd = -1
        self._is_closed = False
        self._syncer = _Syncer(self._folder, fsync_every_s)
        self._writing = self._syncer.lock
        try:
            make_folder(self._folder)
            self._open_segment(first_seq=1)
        except OSError as error:
            self._syncer.close()
            raise JournalError(f"journal {self._folder}: cannot create a segment: {error}") from error

    def new_id(self) -> str:
        """Return an event id that no other event has: the run id and a growing number."""
        return f"{self.run_id}-{next(self._ids)}"

    def record(self, batch: Iterable[Event], *, durable: bool = False) -> int:
        """Write events as one batch and return its number; with ``durable=True``, return once the batch is on disk.

        Events without an ``event_id`` get one. Order events get it from their content when they are stored; other
        events get the run id and a number here. An empty or dropped batch returns 0.

        Raises:
            JournalError: the batch could not be written (unless dropped) or synced.
        """
        return self._append([self._encode(event) for event in batch], durable=durable)

    def write_event(self, event_type: str, payload: Mapping[str, Any], *, durable: bool = False) -> int:
        """Record one event given as the contract's dictionary.

        Raises:
            EventRefused: a required field is missing or a field has the wrong type; the payload is kept in the journal.
            JournalError: as in ``record``.
        """
        try:
            event = self._events.parse_event(event_type, payload)
        except self._events.EventRefused as refusal:
            # Kept in the journal like any batch, so that wrong events are seen and counted in the store too.
            kept = {"event_type": event_type, "reason": str(refusal), "payload": payload}
            self._append([to_json([REFUSED, kept])])
            raise
        return self._append([self._encode(event)], durable=durable)

    def sync(self) -> None:
        """Wait until everything recorded so far is on disk.

        Raises:
            JournalError: a batch written since the last ``sync()`` could not be synced.
        """
        self._check_process()
        # The last call raised failures up to this batch. Each failure is raised once.
        before, self._synced_to = self._synced_to, self._syncer.written_to
        self._syncer.wait_for(self._synced_to, before)

    def close(self) -> None:
        """Sync what is written and end the segment; a closed journal records nothing more.

        In a forked child this does nothing: the segment belongs to the parent.
        """
        if os.getpid() != self._pid:
            return
        with self._writing:
            if self._is_closed:
                return
            self._is_closed = True
            self._retire_segment()
        self._syncer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _encode(self, event: Event) -> bytes:
        fields = {name: value for name, value in event.__dict__.items() if value is not None}
        if event.__pydantic_extra__:
            fields = {**event.__pydantic_extra__, **fields}
        # The store derives the id of an order event from its content, so that an imported log line gets the same id.
        if "event_id" not in fields and not event.by_content:
            fields["event_id"] = self.new_id()
        return to_json([event.event_type, fields])

    def _append(self, items: list[bytes], *, durable: bool = False) -> int:
        if not items:
            return 0
        self._check_process()
        with self._writing:
            if self._is_closed:
                raise JournalError(f"journal of {self.producer}: closed")
            # taken before the write: if an interrupt ends the write, no other batch gets this number
            seq = self._seq = self._seq + 1
            try:
                self._write(seq, b"%d %d [%b]" % (seq, self._clock_ns() // 1000, b",".join(items)))
            except OSError as error:
                if not self._drops:
                    self._seq = seq - 1
                    raise JournalError(f"journal of {self.producer}: batch {seq} is not written: {error}") from error
                self.dropped += 1
                return 0
            self.recorded += 1
            self.recorded_events += len(items)
            self._syncer.written_to = seq
        if durable:
            self._syncer.wait_for(seq, seq - 1)
        return seq

    def _check_process(self) -> None:
        if os.getpid() != self._pid:
            raise JournalError(f"journal of {self.producer}: opened by process {self._pid}, used by {os.getpid()}")

    def _write(self, seq: int, body: bytes) -> None:
        # Asked before the write, so that a batch never reaches over two segments.
        if self._size >= self._segment_bytes or self._syncer.must_rotate:
            self._retire_segment()
        if self._fd < 0:
            self._open_segment(seq)
        line = b"%08x %b\n" % (crc32(body), body)
        try:
            write_whole(self._fd, line)
            self._size += len(line)
        except OSError:
            self._take_back()
            raise
        except BaseException:
            # interrupted: the end of the file is unknown, so nothing more is written to this segment
            self._retire_segment()
            raise

    def _take_back(self) -> None:
        """Truncate half a line from the segment; if that fails too, the next batch begins a new segment."""
        try:
            # A line written after half a line would be unreadable too.
            os.ftruncate(self._fd, self._size)
        except OSError:
            self._retire_segment()

    def _open_segment(self, first_seq: int) -> None:
        """Create a segment; the file gets its name once it is locked and has its header, and never replaces another."""
        number = self._number + 1
        header = {
            "producer": self.producer,
            "run_id": self.run_id,
            "hostname": socket.gethostname(),
            "pid": self._pid,
            "segment": number,
            "first_seq": first_seq,
        }
        path = self._folder / segment_name(self.producer, self.run_id, number)
        hidden = path.with_name(f".{path.name}")
        fd = os.open(hidden, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            # Locked before the file gets its name: a reader that finds the file never sees it without a writer.
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            body = orjson.dumps(header)
            self._size = write_whole(fd, b"%b%08x %b\n" % (MAGIC, crc32(body), body))
            # A hard link, because it fails where the name is taken; a rename would replace another writer's segment.
            path.hardlink_to(hidden)
        except OSError:
            os.close(fd)
            raise
        finally:
            hidden.unlink(missing_ok=True)
        self._fd, self._number = fd, number
        self._syncer.opened(fd)

    def _retire_segment(self) -> None:
        if self._fd >= 0:
            self._syncer.retire(self._fd)
            self._fd = -1


class _Syncer:
    """The group fsync: one thread that syncs written batches, at the latest ``every_s`` after the write.

    Only this thread closes segments, so none is closed during a sync. After a failed fsync the kernel may forget
    unwritten data: the segment is abandoned, and callers that wait for its batches get an error. A deleted segment is
    abandoned in the same way, because no reader can find its batches.
    """

    def __init__(self, folder: Path, every_s: float) -> None:
        self.lock = threading.Lock()
        """Held while a batch is written, and for the moment in which the syncer reads what is new."""
        self.must_rotate = False
        self.written_to = 0
        self._folder = folder
        self._every_s = every_s
        self._fd = -1
        self._retired: list[int] = []
        self._named = self._named_for_good = 0
        """How many segments have got their name, and how many of these names are synced."""
        self._wanted = threading.Event()
        self._passed = threading.Condition()
        self._covered = 0
        self._failures: deque[tuple[int, int, str]] = deque(maxlen=_FAILURES)
        """Failed syncs, oldest first: the last batch before the failed ones, the last failed one, and the reason."""
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="journal-fsync", daemon=True)
        self._thread.start()

    def opened(self, fd: int) -> None:
        self._fd = fd
        self._named += 1

    def retire(self, fd: int) -> None:
        self._retired.append(fd)
        self._fd = -1
        self.must_rotate = False

    def wait_for(self, seq: int, before: int) -> None:
        """Wait until ``seq`` is synced; raise if that failed for a batch after ``before``, up to ``seq``."""
        self._wanted.set()
        with self._passed:
            self._passed.wait_for(lambda: self._covered >= seq)
            failures = list(self._failures)
        for after, upto, reason in failures:
            if after < seq and upto > before:
                at = min(seq, upto)
                raise JournalError(f"journal {self._folder}: batch {at} is written, but not synced: {reason}")

    def close(self) -> None:
        """Sync and close the retired segments, and end the thread."""
        self._is_closed = True
        self._wanted.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._is_closed or self._retired:
            self._wanted.wait(self._every_s)
            # Cleared before the look: who records after the look sets it again, and the next pass finds that batch.
            self._wanted.clear()
            with self.lock:
                fd, seq, retired, self._retired = self._fd, self.written_to, self._retired, []
                named = self._named
            if seq > self._covered or retired:
                self._pass(fd, seq, retired, named)

    def _pass(self, fd: int, seq: int, retired: list[int], named: int) -> None:
        reason = ""
        try:
            for each in (*retired, *([fd] if fd >= 0 else [])):
                os.fdatasync(each)
            # A file without a name takes every write and every sync, and nobody will ever read it.
            if fd >= 0 and os.fstat(fd).st_nlink == 0:
                raise FileNotFoundError("somebody deleted its segment")
            # After the data: a name on disk without its content would be a segment that is damaged from the start.
            if named > self._named_for_good:
                sync_folder(self._folder)
                self._named_for_good = named
        except OSError as error:
            reason = str(error)
            self.must_rotate = True
            _LOG.exception("journal %s: batches up to %d are written, but not synced", self._folder, seq)
        for each in retired:
            with suppress(OSError):
                # a forked child that inherited it shares the lock
                fcntl.flock(each, fcntl.LOCK_UN)
                os.close(each)
        with self._passed:
            if reason:
                # Failures that follow one another are one span, so that a disk that fails for hours does not push out
                # the first.
                goes_on = self._failures and self._failures[-1][1] == self._covered
                after = self._failures.pop()[0] if goes_on else self._covered
                self._failures.append((after, seq, reason))
            self._covered = seq
            self._passed.notify_all()
