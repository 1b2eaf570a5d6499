"""The files of a journal, and functions that read them.

Layout, under ``logs/journal/``::

    <producer>-<run_id>-<segment number, 6 digits from 1>.journal
    TAPE1 <crc> {"producer":..,"run_id":..,"hostname":..,"pid":..,"segment":..,"first_seq":..}
    <crc> <seq> <recorded_us> [["<event_type>",{"<field>":<value>,..}],..]

Lines end with a newline and contain no other. ``crc`` is 8 hex digits: the CRC-32 of the line after the space that
follows ``crc``. ``seq`` numbers the batches of a run from 1, over all its segments. ``recorded_us`` is microseconds
since 1970; instants of events are RFC 3339; fields that are ``None`` are left out. A batch with the event type
``refused`` holds an event that ``write_event`` refused, with the reason.

A writer takes ``flock`` on its segment before the file gets its name, and holds the lock until the segment is complete.
A reader that gets the lock therefore knows that no line will follow.
"""

from __future__ import annotations

import fcntl
import re
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

import orjson

from tape.store.errors import StoreError
from tape.store.home import Layout

SUFFIX = ".journal"
MAGIC = b"TAPE1 "
REFUSED = "refused"
"""Event type of what ``write_event`` refused."""
SEGMENT_BYTES = 16 * 1024 * 1024
"""Size from which on a writer begins the next segment."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.]{0,63}")
_SEGMENT_NAME = re.compile(rf"({NAME.pattern})-({NAME.pattern})-(\d{{6,18}}){re.escape(SUFFIX)}")
_LINE = re.compile(rb"([0-9a-f]{8}) (\d{1,18}) (-?\d{1,18}) ")


class JournalError(StoreError):
    """A batch could not be written or made durable."""


class HeaderDamaged(JournalError):
    """The first line of a segment is not a valid header."""


@dataclass(frozen=True)
class Segment:
    """The name and header of a segment; ``first_seq`` is the number of its first batch.

    Host and pid are ``None`` if the header is damaged.
    """

    path: Path
    producer: str
    run_id: str
    hostname: str | None
    pid: int | None
    number: int
    first_seq: int
    data_offset: int
    """Where its first batch begins, bytes."""


class Line(NamedTuple):
    """One line of a segment: ``seq`` and ``body`` (its events as JSON) if it is intact, else ``fault``.

    ``number`` is the line number; the header is line 1. ``end`` is the offset after its newline, in bytes.
    """

    number: int
    end: int
    raw: bytes
    seq: int = 0
    recorded_us: int = 0
    body: bytes = b""
    fault: str = ""

    @property
    def items(self) -> Any:
        """Return the type and fields of each event.

        Raises:
            ValueError: the body is not JSON.
        """
        return orjson.loads(self.body)


def journal_folder(home: Path) -> Path:
    """Return the journal folder of a home."""
    return Layout(home).journal


def segment_paths(folder: Path) -> list[Path]:
    """Return the segments in a folder, by producer, run and number; an empty list if the folder does not exist.

    Raises:
        OSError: the folder cannot be read.
    """
    try:
        paths = list(folder.iterdir())
    except FileNotFoundError:
        return []
    return sorted(path for path in paths if path.name.endswith(SUFFIX) and not path.name.startswith("."))


def segment_name(producer: str, run_id: str, number: int) -> str:
    """Return the file name of a segment."""
    return f"{producer}-{run_id}-{number:06d}{SUFFIX}"


def read_header(path: Path) -> Segment:
    """Read the header of a segment.

    Raises:
        HeaderDamaged: the header is missing or damaged.
        JournalError: the header belongs to another segment, so the file is a copy.
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        line = file.readline(64 * 1024)
    crc, _, body = line.removeprefix(MAGIC).rstrip(b"\n").partition(b" ")
    if not line.startswith(MAGIC) or not line.endswith(b"\n") or crc != b"%08x" % crc32(body):
        raise HeaderDamaged(f"segment {path.name}: line 1: expected a header, found {line[:60]!r}")
    try:
        header = orjson.loads(body)
        segment = Segment(
            path=path,
            producer=str(header["producer"]),
            run_id=str(header["run_id"]),
            hostname=str(header["hostname"]),
            pid=int(header["pid"]),
            number=int(header["segment"]),
            first_seq=int(header["first_seq"]),
            data_offset=len(line),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise HeaderDamaged(f"segment {path.name}: line 1: expected a header, found {body[:60]!r}") from error
    # A copied file has a whole header and batches that are stored already: stored again, they would count twice.
    if path.name != (named := segment_name(segment.producer, segment.run_id, segment.number)):
        raise JournalError(f"segment {path.name}: line 1: expected its own header, found that of {named}")
    return segment


def header_of_name(path: Path) -> Segment | None:
    """Return what the name and the first intact batch of a segment tell, for a segment whose header is damaged.

    ``None`` if there is no intact batch, or the name is not that of a segment.

    Raises:
        OSError: the file cannot be read.
    """
    named = _SEGMENT_NAME.fullmatch(path.name)
    with path.open("rb") as file:
        offset = len(file.readline())
    # The name does not say where the batches of a segment begin. Its first whole line does.
    whole = (line.seq for line in read_lines(path, offset, 2, SEGMENT_BYTES) if not line.fault)
    if named is None or (first_seq := next(whole, None)) is None:
        return None
    return Segment(path, named[1], named[2], None, None, int(named[3]), first_seq, offset)


def is_finished(path: Path) -> bool:
    """Return whether a segment is complete: its writer has finished it or is dead, so no line can follow."""
    with path.open("rb") as file:
        try:
            # Shared, so that two readers who ask at once do not take each other for the writer.
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def read_lines(path: Path, offset: int, number: int, limit_bytes: int) -> Iterator[Line]:
    """Read the complete lines of a segment from ``offset`` on, about ``limit_bytes`` of them. The first has number
    ``number``.
    """
    with path.open("rb") as file:
        file.seek(offset)
        # The limit may fall within a line: the line is read to its end, so that every call makes progress.
        lines = file.read(limit_bytes)
        if not lines.endswith(b"\n"):
            lines += file.readline()
    for raw in BytesIO(lines):  # which splits at newlines alone; damage can make any other byte
        # A writer may be in the middle of this line, or have died in it. Whoever asks again later finds out which.
        if not raw.endswith(b"\n"):
            return
        offset += len(raw)
        yield _parse(raw[:-1], number, offset)
        number += 1


def _parse(raw: bytes, number: int, end: int) -> Line:
    """A line without its newline, which ends at ``end``; what is wrong with it is asked only where something is."""
    head = _LINE.match(raw)
    if head is None or head[1] != b"%08x" % crc32(raw[9:]):
        return Line(number, end, raw, fault=_fault(raw))
    # straight to the tuple: the class's own way in takes as long as all else here
    return _new_line(Line, (number, end, raw, int(head[2]), int(head[3]), raw[head.end() :], ""))


_new_line = tuple.__new__


def _fault(raw: bytes) -> str:
    crc, _, rest = raw.partition(b" ")
    if crc != (found := b"%08x" % crc32(rest)):
        return f"crc {found.decode()}, expected {crc[:8].decode(errors='backslashreplace')}"
    return f"expected a number, a time and events, found {rest[:60]!r}"
