"""Keeps the six JSONL logs current: rows appear in them within a second of being stored.

Laws kept here: a row is written once, in the order in which it was stored; the watermark of a log is committed after
the lines are on disk, and after lines that the log had already were matched; imported rows are not mirrored, because
their logs exist already; a mirror that fails does not stop the others.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from tape.exporters.mirrors.computed import CompareMirror, RouterHealthMirror
from tape.exporters.mirrors.events import EVENT_MIRRORS, EventMirror, not_imported
from tape.exporters.mirrors.files import ROTATE_BYTES, MirrorFile
from tape.exporters.mirrors.mirror import Mirror
from tape.store.database import is_fatal, is_memory_short, roll_back, transaction
from tape.store.errors import StoreError
from tape.store.own_files import OwnFiles

_LOG = logging.getLogger(__name__)

LOGS = (*EVENT_MIRRORS, "router_health.jsonl", "pipeline_v6_compare.jsonl")
"""The six logs, below the folder of logs."""


@dataclass
class Watermark:
    """How far a log is written: the number of its last row, and its size after that row."""

    mirror: str
    last_seq: int = 0
    byte_offset: int = 0


class Mirrors:
    """All live logs of a home; call ``run_once`` repeatedly to keep them current."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        logs: Path,
        *,
        rotate_bytes: int = ROTATE_BYTES,
        own: OwnFiles | None = None,
    ) -> None:
        self._cursor = connection.cursor()
        # Rows are mirrored as they are stored, also those stamped ahead: a log has no clock.
        self._cursor.execute("set variable as_of = timestamptz 'infinity'")
        self._logs = logs
        self._rotate_bytes = rotate_bytes
        self._own = own
        imported = not_imported(self._cursor)
        self.mirrors: list[Mirror] = [
            *(EventMirror(self._cursor, name, kinds, imported) for name, kinds in EVENT_MIRRORS.items()),
            RouterHealthMirror(logs, own),
            CompareMirror(self._cursor, logs, imported, own),
        ]
        self._files: dict[str, MirrorFile] = {}
        self._marks: dict[str, Watermark] = {}
        self._seen: dict[str, tuple[int, ...]] = {}
        self.errors: dict[str, str] = {}
        """Why a mirror is behind, by its name; empty when all is well."""
        self.failures = 0

    def run_once(self, writing: AbstractContextManager[object], versions: Mapping[str, int]) -> int:
        """Append a slice of new lines to each log; return the number of lines written, 0 if all logs are current.

        ``writing`` is held while watermarks commit. ``versions``: per table a number that grows with its rows.

        Raises:
            duckdb.Error, MemoryError: the database is broken, or memory is short; any other error counts as a failure
            of one mirror.
        """
        count = 0
        for mirror in self.mirrors:
            try:
                count += self._news(mirror, writing, versions)
                if self.errors.pop(mirror.name, None):
                    _LOG.info("%s is written again", mirror.name)
            except Exception as error:
                if is_fatal(error):
                    raise
                # Nothing that memory says of the log is trusted after a failure. Disk and database are asked again.
                self._forget(mirror.name)
                if is_memory_short(error):
                    raise
                self._fail(mirror.name, error)
        return count

    def close(self) -> None:
        self._cursor.close()

    def _news(self, mirror: Mirror, writing: AbstractContextManager[object], versions: Mapping[str, int]) -> int:
        """Look for new lines only in tables that may have some."""
        now = tuple(versions.get(table, 0) for table in mirror.tables)
        # An owner asks four times a second, and most of the time nothing was stored.
        if mirror.tables and self._seen.get(mirror.name) == now:
            return 0
        count = self._bring_up(mirror, writing)
        # A full slice may have left rows behind it, so the next step looks again.
        if count == 0:
            self._seen[mirror.name] = now
        return count

    def _bring_up(self, mirror: Mirror, writing: AbstractContextManager[object]) -> int:
        if mirror.name not in self._files:
            self._open(mirror.name, writing)
        mark, file = self._marks[mirror.name], self._files[mirror.name]
        # By the number on record: after a kill the lines behind it come once more, and are matched by their ids.
        lines, last_seq, are_all = mirror.lines(mark.last_seq)
        # Without lines there may still be something to say: that no line that was matched for will ever come.
        if not lines and not (are_all and file.is_matching):
            return 0
        # On disk before the number on record moves: the other order would lose lines to a kill.
        size = file.append(lines)
        if are_all:
            file.match_no_more()
        mark = Watermark(mirror.name, last_seq, mark.byte_offset if file.is_matching else size)
        if not (file.is_matching and file.in_archives):  # else the number on record tells what is to be matched
            self._save(mark, writing)
        if lines:
            mirror.wrote()
        # Not while lines are matched: the archive would hold ids that the next owner looks for in the log.
        if not file.is_matching and file.rotate_if_full(size, last_seq):
            mark = Watermark(mirror.name, last_seq, 0)
            self._save(mark, writing)
        self._marks[mirror.name] = mark
        return len(lines)

    def _open(self, name: str, writing: AbstractContextManager[object]) -> None:
        """Open the log by what disk and database say."""
        roll_back(self._cursor)
        mark = self._load(name)
        file = MirrorFile(
            self._logs / name,
            mark.byte_offset,
            last_seq=mark.last_seq,
            rotate_bytes=self._rotate_bytes,
            own=self._own,
        )
        if file.offset != mark.byte_offset:
            # on record before anything is appended: what is might grow beyond the offset of the log before
            mark = Watermark(name, mark.last_seq, file.offset)
            self._save(mark, writing)
        self._marks[name], self._files[name] = mark, file

    def _load(self, name: str) -> Watermark:
        row = self._cursor.execute(
            "select last_seq, byte_offset from mirror_watermarks where mirror = ?", [name]
        ).fetchone()
        return Watermark(name) if row is None else Watermark(name, *row)

    def _save(self, mark: Watermark, writing: AbstractContextManager[object]) -> None:
        with writing, transaction(self._cursor):
            moved = self._cursor.execute(
                "update mirror_watermarks set last_seq = ?, byte_offset = ? where mirror = ?",
                [mark.last_seq, mark.byte_offset, mark.mirror],
            ).fetchone()
            if moved is None or moved[0] == 0:
                self._cursor.execute(
                    "insert into mirror_watermarks values (?, ?, ?)", [mark.mirror, mark.last_seq, mark.byte_offset]
                )

    def _fail(self, name: str, error: Exception) -> None:
        if name not in self.errors:
            is_known = isinstance(error, StoreError)
            _LOG.error("%s cannot be written: %s", name, error, exc_info=None if is_known else error)
        self.failures += 1
        self.errors[name] = (str(error) or type(error).__name__).splitlines()[0]

    def _forget(self, name: str) -> None:
        """Forget the state of the log in memory: the next try begins with what disk and database say."""
        self._files.pop(name, None)
        self._seen.pop(name, None)
