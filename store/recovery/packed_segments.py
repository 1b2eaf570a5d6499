"""Compressed segments that the database does not hold to their end: what it has lost is stored again from them.

A segment is compressed once it is stored to its end. A database that lost its tail, or was rebuilt from a backup, may
know less than that: then the segment is unpacked into a folder of its own and read as any other.

Laws kept here: a segment that lies there uncompressed too is read from that; a damaged one gives every whole line that
can be unpacked, and is named.
"""

from __future__ import annotations

import errno
import logging
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from tape.store.ingest.ingest import Ingest
from tape.store.ingest.positions import load_positions
from tape.store.journal.segments import SUFFIX, journal_folder
from tape.store.recovery.damaged import rebuilding_room, set_aside_segments

_LOG = logging.getLogger(__name__)
_CHUNK = 64 * 1024
_GZIP = 31
"""The ``wbits`` of zlib that read one gzip member, and check its CRC."""


@dataclass
class Unpacked:
    """What was read of the compressed segments: how many, their events, and the damaged ones with what was found."""

    segments: int = 0
    events: int = 0
    damaged: dict[Path, str] = field(default_factory=dict)


def store_packed(
    connection: duckdb.DuckDBPyConnection,
    home: Path,
    scratch: Path,
    room: Path,
    *,
    is_stopped: Callable[[], bool] = lambda: False,
) -> Unpacked:
    """Stores what the database lacks of the compressed segments; ``room``: a folder with place for one, unpacked.

    It ends before the next segment once ``is_stopped()``.

    Raises:
        duckdb.Error: as ``Ingest.run_once``.
        OSError: a segment cannot be read, or not be unpacked.
    """
    read = Unpacked()
    for path in _lacking(connection, home):
        if is_stopped():
            break
        name = path.name.removesuffix(".gz")
        # One at a time: the disk has room for one segment, not for the whole journal unpacked.
        with TemporaryDirectory(prefix=".unpacked-", dir=room) as apart:
            folder = journal_folder(Path(apart))
            folder.mkdir(parents=True)
            if fault := unpack(path, folder / name):
                read.damaged[path] = fault
            ingest = Ingest(connection, Path(apart), scratch)
            while (step := ingest.run_once()).has_more:
                read.events += step.events
            read.events += step.events
        read.segments += 1
        _LOG.info("segment %s: stored again", name)
    return read


def recall_packed(
    connection: duckdb.DuckDBPyConnection,
    home: Path,
    scratch: Path,
    *,
    is_stopped: Callable[[], bool] = lambda: False,
) -> Unpacked:
    """As ``store_packed``, for the database in place: damaged segments are set aside."""
    if not _lacking(connection, home):
        return Unpacked()
    with rebuilding_room(home) as room:
        read = store_packed(connection, home, scratch, room, is_stopped=is_stopped)
    set_aside_segments(home, read.damaged)
    return read


def _lacking(connection: duckdb.DuckDBPyConnection, home: Path) -> list[Path]:
    finished = {name for name, position in load_positions(connection).items() if position.is_finished}
    return [
        path
        for path in sorted(journal_folder(home).glob(f"*{SUFFIX}.gz"))
        if (name := path.name.removesuffix(".gz")) not in finished and not path.with_name(name).exists()
    ]


def unpack(path: Path, to: Path) -> str:
    """Unpacks a file; returns what is wrong with it, and then what follows its last whole line is left out.

    A disk that cannot read it (EIO) is such a fault: it will not be able to the next time either.

    Raises:
        OSError: it cannot be opened, or not be written.
    """
    packed, fault = zlib.decompressobj(_GZIP), ""
    with path.open("rb", buffering=0) as source, to.open("wb+") as file:
        while not fault and not packed.eof:
            try:
                if not (chunk := source.read(_CHUNK)):
                    break
            except OSError as error:
                if error.errno != errno.EIO:
                    raise
                fault = str(error)
                break
            # zlib gives nothing of a chunk in which it meets a fault. From the copy the good part can be had byte by
            # byte.
            before = packed.copy()
            try:
                file.write(packed.decompress(chunk))
            except zlib.error as error:
                fault = " ".join(str(error).split())
                file.writelines(_up_to_fault(before, chunk))
        if not packed.eof:
            fault = fault or "it ends too early"
            file.seek(0)
            # Half a line would be refused as one that its producer tore, which it never did.
            file.truncate(sum(len(line) for line in file if line.endswith(b"\n")))
    return fault


def _up_to_fault(packed: zlib._Decompress, chunk: bytes) -> Iterator[bytes]:
    """All that can be unpacked of a chunk, byte by byte: at a fault, zlib keeps back what came before it in a call."""
    for at in range(len(chunk)):
        try:
            yield packed.decompress(chunk[at : at + 1])
        except zlib.error:
            return
