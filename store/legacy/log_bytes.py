"""Opens a log file, compressed or not, and yields its content block by block.

Laws kept here:
- the first bytes of a file decide its format; its name may be wrong (plain text named ``.gz``, gzip without it);
- memory is bounded for any file: one block of the file and one of its content at a time;
- a hole (bytes that were never written, and read as NULs) is skipped without being read; only its length is yielded.
  Copying and truncating a log leaves a hole if the writer keeps its offset.
"""

from __future__ import annotations

import bz2
import codecs
import io
import lzma
import os
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

if sys.version_info >= (3, 14):
    from compression import zstd as zstd
else:
    from backports import zstd as zstd

BLOCK = 262_144
_XZ_MEMORY = 160_000_000
"""Bytes that unpacking xz may take; its strongest level takes 65 MiB."""


class LogDamaged(Exception):
    """The rest of a file cannot be read: its archive is truncated or damaged, or its disk fails."""


class _Unpacker(Protocol):
    """The common interface of the decompressors of the standard library."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _Gunzip:
    """``zlib``'s decompressor with the interface of the others."""

    def __init__(self) -> None:
        self._engine = zlib.decompressobj(zlib.MAX_WBITS | 16)

    @property
    def eof(self) -> bool:
        return self._engine.eof

    @property
    def needs_input(self) -> bool:
        return not self._engine.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._engine.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._engine.decompress(self._engine.unconsumed_tail + data, max_length)


_PACKINGS: dict[bytes, tuple[str, Callable[[], _Unpacker]]] = {
    b"\x1f\x8b": ("gzip", _Gunzip),
    b"BZh": ("bzip2", bz2.BZ2Decompressor),
    b"\xfd7zXZ\0": ("xz", lambda: lzma.LZMADecompressor(memlimit=_XZ_MEMORY)),
    b"\x28\xb5\x2f\xfd": ("zstd", zstd.ZstdDecompressor),
}
"""By the first bytes of a packed file: its kind, and how it is unpacked."""
_CUT = "Compressed file ended before the end-of-stream marker was reached"
_ERRORS = (zlib.error, lzma.LZMAError, zstd.ZstdError, OSError, EOFError, ValueError)


class LogBytes:
    """One open log file."""

    def __init__(self, path: Path) -> None:
        """Open the file.

        Raises:
            OSError: the file cannot be opened.
        """
        self._file = io.FileIO(path)
        self._head = os.pread(self._file.fileno(), 6, 0)
        self._packing = next((magic for magic in _PACKINGS if self._head.startswith(magic)), None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    @property
    def device_path(self) -> str:
        """Return a path that opens this file and has no pattern character, whatever the name of the file."""
        return f"/dev/fd/{self._file.fileno()}"

    @property
    def is_plain_text(self) -> bool:
        """Return whether the file is neither compressed nor UTF-16, and has no hole."""
        number, size = self._file.fileno(), os.fstat(self._file.fileno()).st_size
        if self._packing or self._head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, b"\0")) or not size:
            return False
        # DuckDB reads a hole as NULs, and takes the whole file for broken. Such files are read here line by line.
        return os.pread(number, 1, size - 1) != b"\0" and _seek(number, 0, os.SEEK_HOLE) in (None, size)

    def blocks(self) -> Iterator[bytes | int]:
        """Yield the content from its start, as UTF-8 (UTF-16 is recognised by its mark); an int counts skipped NULs.

        Raises:
            LogDamaged: the rest cannot be read.
        """
        blocks = self._written() if self._packing is None else self._unpacked(self._packing)
        first = next(blocks, b"")
        if isinstance(first, bytes) and first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            # Incremental: a character may lie across two blocks.
            decode = codecs.getincrementaldecoder("utf-16")("backslashreplace").decode
            yield decode(first).encode("utf-8", "backslashreplace")
            for block in blocks:
                yield block if isinstance(block, int) else decode(block).encode("utf-8", "backslashreplace")
            return
        if first:
            yield first
        yield from blocks

    def _written(self) -> Iterator[bytes | int]:
        number, at = self._file.fileno(), 0
        try:
            while True:
                # The file system says where data begins, so a hole of gigabytes costs one call.
                if (data := _seek(number, at, os.SEEK_DATA)) is not None and data > at:
                    yield data - at
                    at = data
                block = os.pread(number, BLOCK, at)
                if not block:
                    return
                at += len(block)
                yield _counted(block)
        except OSError as error:
            raise LogDamaged(error.strerror or str(error)) from error

    def _unpacked(self, magic: bytes) -> Iterator[bytes | int]:
        """Yield the content of one archive, or of several one after another. NULs after the last one are padding."""
        kind, unpacker = _PACKINGS[magic]
        self._file.seek(0)
        engine, data = unpacker(), b""
        try:
            while True:
                # The engine may still hold content although the file is at its end: bounded output comes in several
                # calls.
                is_last = engine.needs_input and not data and not (data := self._file.read(BLOCK))
                content = engine.decompress(data, BLOCK)
                data = b""
                if content:
                    yield _counted(content)
                if engine.eof:
                    data = self._after(engine.unused_data, len(magic))
                    if not data:
                        return
                    if not data.startswith(magic):
                        # Garbage behind an archive is said, never passed over: it may be the part that somebody is
                        # missing.
                        raise LogDamaged(f"expected the end or more of {kind}, found {data[:8]!r}")
                    engine = unpacker()
                elif is_last and not content:
                    raise LogDamaged(_CUT)
        except _ERRORS as error:
            raise LogDamaged(str(error)) from error

    def _after(self, data: bytes, count: int) -> bytes:
        """Return what follows the end of an archive, without leading NULs: enough to see whether it is an archive."""
        data = data.lstrip(b"\0")
        while len(data) < count and (more := self._file.read(BLOCK)):
            data = (data + more).lstrip(b"\0")
        return data


def _counted(block: bytes) -> bytes | int:
    return block if block.strip(b"\0") else len(block)


def _seek(number: int, at: int, whence: int) -> int | None:
    """Return where the next data or hole of a file begins; the file's size if only a hole is left; None if unknown."""
    try:
        return os.lseek(number, at, whence)
    except OSError:
        size = os.fstat(number).st_size
        return size if whence == os.SEEK_DATA and at < size and _has_holes(number) else None


def _has_holes(number: int) -> bool:
    try:
        return os.lseek(number, 0, os.SEEK_HOLE) < os.fstat(number).st_size
    except OSError:
        return False
