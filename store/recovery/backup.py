"""Backups: a verified copy of the database file, and the segments of the journal that may then be deleted.

Laws kept here: a copy gets its name only after every block of it was read and its rows reach as far as those of the
database; a segment of the journal is deleted only when every kept copy holds all of its events, so that a rebuild may
begin with any copy; copying never drops the lock on the database.
"""

from __future__ import annotations

import gzip
import logging
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path

import duckdb

from tape.store.database import Resources, closing, naming_damage, open_any_revision, open_database, read_all
from tape.store.durable import make_folder, replacing, sync_folder, sync_names
from tape.store.errors import DatabaseDamaged, StoreError
from tape.store.home import Layout
from tape.store.journal.segments import SUFFIX, journal_folder

_LOG = logging.getLogger(__name__)
_PREFIX = "tape-"
_NAME = f"{_PREFIX}%Y%m%dT%H%M%SZ.duckdb"
_LEFT = re.compile(rf"\.{_PREFIX}\d{{8}}T\d{{6}}Z\.duckdb\.")
_DATED = re.compile(rf"{_PREFIX}\d{{8}}T\d{{6}}Z\.duckdb")
SMALL = Resources(memory_limit="64MB", threads=1)
"""Of a copy that is opened beside the database itself."""
_NICENESS = 10


class BackupFailed(StoreError):
    """A copy could not be verified; it is deleted."""


def backup(
    connection: duckdb.DuckDBPyConnection, database: Path, to: Path, *, writing: AbstractContextManager[object]
) -> Path:
    """Copy a database that is open here to the file ``to``; ``writing`` is held meanwhile, so that nobody writes.

    Raises:
        BackupFailed: ``to`` exists already, or the copy differs.
        DatabaseDamaged: the database itself is damaged: a second copy had the same fault.
        OSError: the copy cannot be written.
    """
    if to.exists():
        raise BackupFailed(f"backup {to}: expected no file, found one")
    make_folder(to.parent)
    try:
        return _copy_whole(connection, database, to, writing)
    except DatabaseDamaged as first:
        _LOG.warning("backup %s: the copy is damaged: %s; it is copied again", to, first.found)
    try:
        # Once more: a bit that flipped in memory on the way is not in the second copy. Damage of the file is.
        return _copy_whole(connection, database, to, writing)
    except DatabaseDamaged as second:
        raise DatabaseDamaged(database, second.found) from second


def _copy_whole(
    connection: duckdb.DuckDBPyConnection, database: Path, to: Path, writing: AbstractContextManager[object]
) -> Path:
    """Make one copy and verify it.

    Raises:
        BackupFailed: the copy cannot be written, or differs.
        DatabaseDamaged: the copy is damaged.
    """
    part = to.with_name(f".{to.name}.part")
    wal = database.with_name(f"{database.name}.wal")
    part_wal = part.with_name(f"{part.name}.wal")
    # what a killed copy has left begins as a database does
    if part.exists() and _begins(part) not in (b"", b"DUCK"):
        raise BackupFailed(f"backup {to}: expected no other program's file at {part}, found one")
    try:
        with writing:
            # One file to copy is better than two. Somebody who still reads what was there before keeps the log full:
            # then it is copied as well.
            with suppress(duckdb.TransactionException):
                connection.execute("checkpoint")
            # Read under the lock, so that it is the number of the very rows that are copied.
            last_seq = _last_seq(connection)
            copy_file(database, part)
            if wal.exists() and wal.stat().st_size:
                copy_file(wal, part_wal)
        if part_wal.exists():
            with closing(open_database(part, SMALL)) as opened:
                opened.execute("checkpoint")
        _verify(part, last_seq)
        # The name comes last: whoever finds a backup by its name finds one that was read whole.
        part.rename(to)
        sync_names(to)
    finally:
        part.unlink(missing_ok=True)
        part_wal.unlink(missing_ok=True)
    return to


def _begins(database: Path) -> bytes:
    """Return the first bytes of a file, by which DuckDB recognises its own files."""
    with database.open("rb") as file:
        return file.read(12)[8:]


def copy_file(source: Path, target: Path) -> None:
    """Copy a file, and sync the copy.

    Runs in a process of its own, because closing a file drops every lock that the process holds on it (fcntl(2)). Every
    byte is written anew: with shared blocks, as cp makes them on some file systems, one bad block would damage both
    file and copy.

    Raises:
        BackupFailed: the file cannot be read, or the copy not be written.
    """
    command = ["dd", f"if={source}", f"of={target}", "bs=1048576", "status=none"]
    copied = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if copied.returncode != 0:
        raise BackupFailed(f"backup {target}: {' '.join(copied.stderr.split())}")
    target.chmod(0o600)
    with target.open("rb") as file:
        os.fsync(file.fileno())


def _verify(copy: Path, last_seq: int) -> None:
    """Read all of a copy, in a thread of low priority; finds blocks that were damaged before they were copied."""
    with ThreadPoolExecutor(1, "verify", _give_way) as apart:
        found = apart.submit(_read, copy).result()
    if found != last_seq:
        raise BackupFailed(f"backup {copy}: expected rows up to number {last_seq}, found {found}")


def _give_way() -> None:
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)


def _read(copy: Path) -> int:
    with closing(open_database(copy, SMALL, read_only=True)) as opened, naming_damage(copy):
        read_all(opened)
        return _last_seq(opened)


def last_seq_of(backup: Path) -> int:
    """Return the number of the last row that a backup holds.

    Raises:
        StoreError: the file is damaged, or not a backup.
    """
    with closing(open_any_revision(backup, SMALL)) as opened, naming_damage(backup):
        return _last_seq(opened)


def _last_seq(connection: duckdb.DuckDBPyConnection) -> int:
    row = connection.execute("select coalesce(max(last_ingest_seq), 0) from ingest_counter").fetchone()
    return 0 if row is None else int(row[0])


def backups(folder: Path) -> list[Path]:
    """Return the dated backups in a folder, oldest first; copies with other names are ignored."""
    return sorted(path for path in folder.glob(f"{_PREFIX}*.duckdb") if _DATED.fullmatch(path.name))


def dated_name(now: datetime) -> str:
    """Return the name of a backup made at an instant."""
    return now.astimezone(UTC).strftime(_NAME)


def next_name(folder: Path, now: datetime) -> str:
    """Return the name of the next backup: its instant, or later than the last name if the clock was set back.

    Names therefore sort by age, no name is used twice, and the oldest backups are deleted first.
    """
    dated = [path.name for path in backups(folder)]
    # A clock that was set back must not make an older name: by it, the newest backup would be forgotten first.
    if not dated or dated_name(now) > dated[-1]:
        return dated_name(now)
    return dated_name(datetime.strptime(dated[-1], _NAME).replace(tzinfo=UTC) + timedelta(seconds=1))


def forget_all_but(folder: Path, keep: int) -> None:
    """Delete the oldest backups of a folder."""
    for path in backups(folder)[:-keep]:
        path.unlink()


def forget_unfinished(folder: Path) -> list[str]:
    """Remove copies that killed processes left half made, if no copy is in progress; return their names.

    Files that DuckDB spilled while it opened them lie beside them, and are removed too.
    """
    gone = sorted(path for path in folder.glob(f".{_PREFIX}*.duckdb.*") if _LEFT.match(path.name))
    for path in gone:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    return [path.name for path in gone]


def compress_segments(home: Path, finished: set[str]) -> list[str]:
    """Compress the segments that are stored to their end; return their names."""
    # the database's log may be a new file: that it is there must be on disk before what it holds is moved
    sync_folder(Layout(home).logs)
    done = []
    for path in sorted(journal_folder(home).glob(f"*{SUFFIX}")):
        if path.name in finished:
            compress(path)
            done.append(path.name)
    return done


def compress(path: Path) -> Path:
    """Replace a file by ``NAME.gz``; at every moment one of the two is complete."""
    target = path.with_name(f"{path.name}.gz")
    part = path.with_name(f".{target.name}.part")
    with path.open("rb") as source, replacing(target, part) as file:
        # Who could read the file can read the archive, and nobody else.
        part.chmod(path.stat().st_mode & 0o777)
        with gzip.GzipFile(filename=path.name, fileobj=file, mode="wb", compresslevel=3) as packed:
            shutil.copyfileobj(source, packed, 1024 * 1024)
    sync_folder(path.parent)
    # After the folder is synced: at every moment of a power cut one of the two is there.
    path.unlink()
    return target


def delete_covered_segments(home: Path, kept: Sequence[Path], *, older_than: datetime) -> list[str]:
    """Delete compressed segments written before an instant whose events every one of these backups holds.

    Raises:
        BackupFailed: a backup cannot be read; nothing was deleted.
    """
    candidates = old_segments(home, older_than=older_than)
    if not candidates or not kept:
        return []
    # Held by each of them, not by one: a rebuild may have to begin with the oldest.
    covered = set.intersection(*map(_finished_in, kept))
    gone = [path for path in candidates if path.name.removesuffix(".gz") in covered]
    for path in kept:  # they may have got their names while these could not be synced
        sync_names(path)
    for path in gone:
        path.unlink()
    return [path.name for path in gone]


def old_segments(home: Path, *, older_than: datetime) -> list[Path]:
    """Return the compressed segments that were written before an instant."""
    return [
        path
        for path in sorted(journal_folder(home).glob(f"*{SUFFIX}.gz"))
        if datetime.fromtimestamp(path.stat().st_mtime, UTC) < older_than
    ]


def _finished_in(backup: Path) -> set[str]:
    try:
        with closing(open_any_revision(backup, SMALL)) as opened, naming_damage(backup):
            rows = opened.execute("select segment from journal_segments where is_finished").fetchall()
    except DatabaseDamaged as error:
        raise BackupFailed(f"backup {backup} is damaged, so the journal forgets nothing: {error.found}") from error
    return {name for (name,) in rows}


def is_backup_due(folder: Path, every: timedelta, now: datetime, last_import: int) -> bool:
    """Return whether a folder has no backup, or the newest is older than ``every`` or lacks the last import.

    ``last_import`` is the number of the last imported row, 0 without any. Imported rows are not in the journal: only a
    backup can restore them.
    """
    found = backups(folder)
    if not found:
        return True
    made = datetime.fromtimestamp(found[-1].stat().st_mtime, UTC)
    # one of the future was made before the clock was set back: how old it is nobody knows
    return not timedelta(0) <= now - made < every or (last_import > 0 and last_import > _held(found[-1]))


@lru_cache(maxsize=1)
def _held(backup: Path) -> int:
    """Return the number of the last row in a dated backup, none if it is damaged; cached, as names are never reused."""
    try:
        return last_seq_of(backup)
    except DatabaseDamaged:
        return 0
