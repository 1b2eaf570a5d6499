"""What every market read from a file has in common: its steps in order, its file, and why it cannot be read."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, cast

from tape.execution.values import shortened
from tape.execution.venues.market import Step

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class MarketUnreadable(Exception):
    """A file holds no market that can be replayed.

    ``path``: the file; ``expected`` and ``found``: what it should hold, and what it does.
    """

    def __init__(self, path: Path, expected: str, found: str) -> None:
        super().__init__(f"market {path}: expected {expected}, found {found}")
        self.path = path
        self.expected = expected
        self.found = found


class Recorded:
    """Hands out steps of an iterator up to an instant, and keeps the first one behind it for the next time."""

    def __init__(self) -> None:
        self._coming: Iterator[Step] = iter(())
        self._held: Step | None = None

    def steps(self, until: datetime) -> Iterator[Step]:
        """The steps behind the last one given out, up to and with an instant."""
        while True:
            if self._held is None:
                self._held = next(self._coming, None)
            step = self._held
            if step is None or step.quote.ts > until:
                return
            self._held = None
            yield step


def existing(path: Path) -> Path:
    if not path.is_file():
        raise MarketUnreadable(path, "a file", "a folder" if path.is_dir() else "no such file")
    if path.stat().st_size == 0:
        raise MarketUnreadable(path, "candles or frames", "an empty file")
    return path


def literal(path: Path) -> str:
    """Return a path as a SQL text that DuckDB reads as this one file: ``* ? [`` in a name are no pattern."""
    escaped = re.sub(r"([*?\[])", r"[\1]", str(path.absolute()))
    return "'" + escaped.replace("'", "''") + "'"


def opened(path: Path) -> IO[bytes]:
    if starts(path, b"\x1f\x8b"):
        return cast(IO[bytes], gzip.GzipFile(path))
    return path.open("rb")


def starts(path: Path, magic: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(magic)) == magic


def instant(us: int) -> datetime:
    return EPOCH + timedelta(microseconds=us)


def first_line(error: Exception) -> str:
    return shortened((str(error).splitlines() or [type(error).__name__])[0], 200)
