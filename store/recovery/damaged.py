"""Damaged files and what was done with them: the folders ``logs/damaged`` and, during a rebuild, ``logs/rebuilding``.

Laws kept here:
- a damaged file is set aside whole, never changed and never deleted;
- if the process is killed at any moment, either the old or the new database is in place.

In ``logs/damaged``, ``tape-<time>.duckdb`` and its ``.wal`` are a database that was set aside, ``tape-<time>.json``
says what the rebuild did, ``*.journal.gz`` are compressed segments that could not be read whole, and ``found.json``
records that damage was found, until the next rebuild.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import orjson

from tape.store.durable import replacing, sync_folder
from tape.store.errors import DatabaseDamaged, StoreError
from tape.store.home import Layout
from tape.store.ingest.counter import last_ingest_seq
from tape.store.journal.segments import SUFFIX, journal_folder
from tape.store.own_files import ForeignFile
from tape.store.recovery.backup import backups, dated_name, last_seq_of

_LOG = logging.getLogger(__name__)


@dataclass
class Rebuilt:
    """The result of a rebuild. ``lost``: what the old database had, or may have had, and the new one lacks."""

    at: str
    reason: str
    backup: str | None = None
    unusable: list[str] = field(default_factory=list)
    """Backups that were not whole, with what was found."""
    segments: int = 0
    batches: int = 0
    events: int = 0
    """Read from the journal behind the backup."""
    rows: int = 0
    """Of all tables."""
    journal: list[str] = field(default_factory=list)
    """The certificates."""
    gaps: list[str] = field(default_factory=list)
    """All that is missing of the journal, also what always was."""
    lost: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    set_aside: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        lost = f"lost: {'; '.join(self.lost)}" if self.lost else "nothing lost"
        source = f"backup {self.backup}" if self.backup else "the journal alone"
        return f"rebuilt {self.at[:19]}Z from {source}, {self.segments:,} segments behind it: {lost} ({self.reason})"


_MADE_THERE = ("tape.duckdb", "tape.tmp", "old.duckdb", "old.tmp", "scratch", ".unpacked-")
"""What the names begin with that a rebuild makes in its room."""


@contextmanager
def rebuilding_room(home: Path) -> Iterator[Path]:
    """Return an empty folder for the new database; the remains of a killed rebuild are removed from it.

    Raises:
        ForeignFile: a folder of this name holds something else; nothing was removed.
    """
    room = Layout(home).rebuilding
    for path in [room] if room.is_file() else sorted(room.glob("*")):
        if not path.name.startswith(_MADE_THERE):
            raise ForeignFile(path, "another program's file", "move it away")
    shutil.rmtree(room, ignore_errors=True)
    room.mkdir(parents=True, mode=0o700)
    try:
        yield room
    finally:
        shutil.rmtree(room, ignore_errors=True)


def put_in_place(home: Path, new: Path, done: Rebuilt, now: datetime) -> None:
    """Set the old database aside and give its name to the new one, which is closed.

    The old file keeps its name until the new one takes it. Its write-ahead log is moved first; under that name the log
    would be applied to the new file.
    """
    logs, folder = Layout(home).logs, _folder(home)
    database, aside = logs / new.name, _free_name(_folder(home), now)
    logs_of_old = sorted(logs.glob(f"{new.name}.wal*"))
    for path in [*logs_of_old, *([database] if database.exists() else [])]:
        kept = folder / f"{aside.name}{path.name.removeprefix(new.name)}"
        # A second name, not a move: until the new database has its name the old one keeps its own.
        kept.hardlink_to(path)
        done.set_aside.append(str(kept.relative_to(home)))
    sync_folder(folder)
    # Its content before its name: else a power cut leaves the name with a file that is not all there.
    with new.open("rb") as file:
        os.fsync(file.fileno())
    # The log of the old database would be replayed onto the new one.
    for path in logs_of_old:
        path.unlink()
    sync_folder(logs)
    new.rename(database)
    sync_folder(logs)
    _write(aside.with_suffix(".json"), orjson.dumps(asdict(done), option=orjson.OPT_INDENT_2))
    # Last: killed before this, the next start rebuilds once more, which does no harm.
    _mark(home).unlink(missing_ok=True)


def _free_name(folder: Path, now: datetime) -> Path:
    named = aside = folder / dated_name(now)
    number = 1
    # Any of its files counts: a log that was set aside must not get a database of another time beside it.
    while list(folder.glob(f"{aside.stem}.*")):
        number += 1
        aside = named.with_stem(f"{named.stem}-{number}")
    return aside


def set_aside_segments(home: Path, paths: Iterable[Path]) -> None:
    """Move damaged segments, whose readable lines are all stored, out of the journal."""
    for path in paths:
        path.rename(_folder(home) / path.name)


def _folder(home: Path) -> Path:
    folder = Layout(home).damaged
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _mark(home: Path) -> Path:
    return Layout(home).damaged / "found.json"


def _write(path: Path, content: bytes) -> None:
    with replacing(path, path.with_name(f".{path.name}.part"), mode=0o600) as file:
        file.write(content)
    sync_folder(path.parent)


def mark_damaged(home: Path, found: str, now: datetime) -> None:
    """Record that the database of a home must be rebuilt before it is opened again."""
    _folder(home)
    _write(_mark(home), orjson.dumps({"at": now.isoformat(), "found": found}))


def why_rebuild(home: Path) -> str | None:
    """Return why the database of a home must be rebuilt before it is opened; ``None`` if no damage is known."""
    if _mark(home).exists():
        return str(json.loads(_mark(home).read_bytes())["found"])
    places = Layout(home)
    # A home without a database is new, unless there is something that a database was made of, or a copy of it.
    has_past = bool(backups(places.backups)) or any(journal_folder(home).glob(f"*{SUFFIX}.gz"))
    if places.database.exists() or not has_past:
        return None
    return "it is gone, and there is a backup or a journal of it"


def refuse_damaged(home: Path) -> None:
    """Refuse to open the database of a home for writing while it must be rebuilt.

    Raises:
        DatabaseDamaged: the database must be rebuilt first.
    """
    if (found := why_rebuild(home)) is not None:
        raise DatabaseDamaged(Layout(home).database, found)


def why_behind(home: Path, connection: duckdb.DuckDBPyConnection) -> str | None:
    """Return why an open database must be rebuilt: it holds fewer rows than its newest backup; else ``None``."""
    # The newest that can be read decides: an older one holds less, and would find nothing missing.
    for path in reversed(backups(Layout(home).backups)):
        try:
            expected = last_seq_of(path)
        except (StoreError, duckdb.CatalogException) as error:
            _LOG.warning("backup %s cannot be read: %s", path, error)
            continue
        found = last_ingest_seq(connection)
        return None if found >= expected else f"its rows end at {found:,}, and those of {path.name} at {expected:,}"
    return None


def last_rebuild(home: Path) -> Rebuilt | None:
    """Return the result of the last rebuild of a home; ``None`` if there was none."""
    reports = [json.loads(path.read_bytes()) for path in Layout(home).damaged.glob("tape-*.json")]
    return max((Rebuilt(**report) for report in reports), key=lambda each: each.at, default=None)


def rebuild_status(home: Path) -> dict[str, Any] | None:
    """Return the last rebuild for a status: when, why, from which backup, what was lost."""
    if (done := last_rebuild(home)) is None:
        return None
    return {"at": done.at, "reason": done.reason, "backup": done.backup, "lost": done.lost, "words": str(done)}
