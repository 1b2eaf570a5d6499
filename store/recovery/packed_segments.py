"""Compressed segments that the database does not hold in full: lost events are stored again from them.

A segment is compressed once it is stored to its end. A database that lost its tail, or was rebuilt from a backup, may
hold less. Then the segment is unpacked into a folder of its own and read like any other.

Laws kept here: if a segment exists uncompressed too, that file is read; of a damaged segment every complete line that
can be unpacked is stored, and the segment is named.
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
    """The result of reading compressed segments: their number, their events, and the damaged ones with the fault."""

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
    """Store what the database lacks of the compressed segments; ``room``: a folder with space for one, unpacked.

    Stops before the next segment once ``is_stopped()`` is true.

    Raises:
        duckdb.Error: as ``Ingest.run_once``.
        OSError: a segment cannot be read or unpacked.
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
    """Like ``store_packed``, for the database in place: damaged segments are set aside."""
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
    """Unpack a file; return its fault, or empty text. With a fault, the part after the last complete line is left out.

    A disk that cannot read the file (EIO) counts as a fault: a later read would fail too.

    Raises:
        OSError: the file cannot be opened, or its content not be written.
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
    """Return all that can be unpacked of a chunk, byte by byte: zlib returns nothing of a call that meets a fault."""
    for at in range(len(chunk)):
        try:
            yield packed.decompress(chunk[at : at + 1])
        except zlib.error:
            return
