"""Reads the lines of an old log, or the items of an array, each with its number and the reason if it is not valid.

Only a newline ends a line: neither a lone carriage return nor U+2028 does. DuckDB's reader, which reads a whole file at
once, follows the same rule. NULs are not part of a line, because a hole in the file reads as NULs. NULs are counted and
left out, and a line of NULs only is refused as lost.
"""

from __future__ import annotations

import codecs
import hashlib
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from tape.execution.values import shortened
from tape.store.event_json import to_json
from tape.store.legacy.json_items import NoArray, array_items
from tape.store.legacy.log_bytes import LogBytes, LogDamaged

MAX_LINE = 1_048_576
"""Bytes: taking a line apart takes up to forty times its size, and an event has a thousand times less."""
_KEPT_WHOLE = 16_777_216
"""Bytes up to which a line is kept whole; of a longer one, which is refused anyway, the beginning is kept."""
_KEPT_OF_LONGER = 65_536
_BATCH_LINES, _BATCH_CHARACTERS = 20_000, 8_388_608


class LogLine(NamedTuple):
    """A line that is not blank. ``flaw``: why the reader refuses the line; None: it is parsed further."""

    number: int
    raw: str
    flaw: str | None = None


class LogReader:
    """The reader of one open file, from its start; ``nul_count`` counts the NULs that were left out."""

    def __init__(self, file: LogBytes, *, is_array: bool) -> None:
        self._file = file
        self._is_array = is_array
        self.nul_count = 0

    def lines(self) -> Iterator[LogLine]:
        """Yield the lines, numbered from 1, without blank ones; for an array its items, numbered from 1."""
        return self._items() if self._is_array else self._lines()

    def batches(self) -> Iterator[list[LogLine]]:
        """Yield the lines in batches of bounded size."""
        batch: list[LogLine] = []
        size = 0
        for line in self.lines():
            batch.append(line)
            # Bounded by both: many short lines cost by their number, few long ones by their size.
            size += len(line.raw)
            if len(batch) >= _BATCH_LINES or size >= _BATCH_CHARACTERS:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch

    def _lines(self) -> Iterator[LogLine]:
        number, line = 1, _Line()
        try:
            for block in self._file.blocks():
                if isinstance(block, int):
                    self.nul_count += line.add_hole(block)
                    continue
                # a line may reach over any number of blocks: only its end makes it one
                first, *others = block.split(b"\n")
                line.add(first)
                for piece in others:
                    yield from self._taken(number, line)
                    number, line = number + 1, _Line()
                    line.add(piece)
        except LogDamaged as error:
            yield from self._before_damage(number, line, error)
        else:
            yield from self._taken(number, line, is_last=True)

    def _taken(self, number: int, line: _Line, *, is_last: bool = False) -> Iterator[LogLine]:
        if line.is_longer:
            yield LogLine(number, line.beginning(), _too_long(line.length))
            return
        nul_count = line.kept.count(0)
        if not nul_count:
            if raw := _text(line.kept):
                yield LogLine(number, raw, _too_long(len(line.kept)) if len(line.kept) > MAX_LINE else None)
            return
        self.nul_count += nul_count
        pieces = [piece for piece in line.kept.split(b"\0") if piece.strip()]
        # A hole between whole lines takes what stood there, and leaves a line of nothing but NULs.
        if not pieces:
            # nothing but NULs up to a newline: something stood there; NULs at the end of a file are only a hole
            if not is_last:
                yield LogLine(number, f"({nul_count:,} NUL bytes)", "expected a line, found nothing but NUL bytes")
        # NULs between two objects stand where the newline was lost. Within something else they say nothing of lines.
        elif len(pieces) == 1 or any(map(_is_object, pieces)):
            for piece in pieces:
                yield LogLine(number, _text(piece), _too_long(len(piece)) if len(piece) > MAX_LINE else None)
        else:
            self.nul_count -= nul_count
            raw = _text(line.kept.replace(b"\0", b"\\x00"))
            yield LogLine(number, raw, "expected one JSON object per line, found NUL bytes in it")

    def _before_damage(self, number: int, line: _Line, error: LogDamaged) -> Iterator[LogLine]:
        """Yield the last line before the damage if it is complete, then a refused line that names the damage."""
        torn = _text(line.kept.strip(b"\0"))
        if torn and _is_object(torn.encode()):
            yield from self._taken(number, line)
            number, torn = number + 1, ""
        behind = f", behind the torn line {shortened(torn, 200)!r}" if torn else ""
        yield LogLine(
            number,
            f"(unreadable from here on: {error})",
            f"expected more lines, found what is unreadable from here on: {error}{behind}",
        )

    def _items(self) -> Iterator[LogLine]:
        """Yield the items of an array; a file that is neither an array nor begins with a line is one line."""
        whole = _Line()
        try:
            for number, item in enumerate(array_items(self._characters(whole)), 1):
                yield LogLine(number, item)
        except NoArray as error:
            if error.is_at_start and _is_object(whole.kept.partition(b"\n")[0]):
                self.nul_count = 0
                yield from self._lines()
            elif raw := _text(whole.kept):
                # one line for the file; the items before the place where it ends to be an array are taken all the same
                yield LogLine(1, whole.beginning() if whole.is_longer else raw, str(error))

    def _characters(self, whole: _Line) -> Iterator[str]:
        """Yield the text of the file without NULs, and add the text to ``whole``."""
        decode = codecs.getincrementaldecoder("utf-8-sig")("backslashreplace").decode
        try:
            for block in self._file.blocks():
                if isinstance(block, int):
                    self.nul_count += block
                    continue
                self.nul_count += block.count(0)
                block = block.replace(b"\0", b"")
                whole.add(block)
                yield decode(block)
        except LogDamaged as error:
            raise NoArray(f"expected a JSON array, found what is unreadable from here on: {error}") from error
        yield decode(b"", True)


class _Line:
    """The bytes between two newlines; only a bounded part is kept."""

    def __init__(self) -> None:
        self.kept = bytearray()
        self.length = 0
        self._digest: hashlib._Hash | None = None

    @property
    def is_longer(self) -> bool:
        """Return whether only the beginning is kept."""
        return self.length > _KEPT_WHOLE

    def add(self, piece: bytes) -> None:
        self.length += len(piece)
        if not self.is_longer:
            self.kept += piece
            return
        if self._digest is None:
            self._digest = hashlib.md5(self.kept, usedforsecurity=False)
            # A file without newlines is one line of any size, and must not take as much memory.
            del self.kept[_KEPT_OF_LONGER:]
        self._digest.update(piece)

    def add_hole(self, count: int) -> int:
        """Add NULs and return how many were left out; one is kept, so that the text around the hole stays apart."""
        if not self.kept or self.is_longer:
            return count
        self.add(b"\0")
        return count - 1

    def beginning(self) -> str:
        """Return the beginning of a longer line, with what distinguishes it from other lines that begin alike."""
        digest = "" if self._digest is None else self._digest.hexdigest()
        kept = _text(self.kept.replace(b"\0", b"\\x00"))
        return f"{kept} (the first {_KEPT_OF_LONGER:,} of {self.length:,} bytes, md5 {digest})"


def as_python_reads(raw: str) -> str | None:
    """Return an object rewritten as Python reads it, so that all readers find the same; ``None``: it is no object."""
    try:
        line = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return to_json(line).decode() if isinstance(line, dict) else None


def why_not_json(raw: str) -> str:
    """Return what is wrong with a line that DuckDB's reader refuses."""
    try:
        json.loads(raw)
    except RecursionError:
        return "expected one JSON object per line, found one nested too deeply"
    except json.JSONDecodeError as error:
        at_end = ", the line ends too early" if error.pos >= len(raw) else ""
        return f"expected one JSON object per line, found {error.msg} at character {error.pos + 1}{at_end}"
    except ValueError as error:
        return f"expected one JSON object per line, found what cannot be read: {error}"
    return "expected one JSON object per line, found what only a lenient parser reads"


def blank_lines(path: Path, last: int) -> Iterator[tuple[int, int]]:
    """Return before which lines of a file blank lines stand: the place among the other lines, and the count so far.

    ``last`` is the place up to which the file is read. The result is empty if the file cannot be read any more.
    """
    count = 0
    try:
        with LogBytes(path) as file:
            for place, line in enumerate(islice(LogReader(file, is_array=False).lines(), last + 1)):
                # Told only where the count changes: a log of a million lines has few such places.
                if line.number - 1 - place != count:
                    count = line.number - 1 - place
                    yield place, count
    except OSError:
        return


def _text(line: bytes | bytearray) -> str:
    return line.decode("utf-8", "backslashreplace").lstrip("\ufeff").strip()


def _too_long(length: int) -> str:
    return f"expected a line of at most {MAX_LINE:,} bytes, found {length:,}"


def _is_object(line: bytes | bytearray) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False
