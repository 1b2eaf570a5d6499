"""Backups: a copy of the database file, verified by opening it, and what the journal may forget once there is one.

Laws kept here: a copy appears under its name only after it was opened and found equal; a segment of the journal is
deleted only when a verified copy says that it is stored to its end; copying leaves the database locked to others.
"""

from __future__ import annotations

import gzip
import os
import re
import shutil
import subprocess
from contextlib import AbstractContextManager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from store.database import Resources, closing, open_database
from store.errors import StoreError
from store.journal import SUFFIX, journal_folder, sync_folder

_PREFIX = "tape-"
_NAME = f"{_PREFIX}%Y%m%dT%H%M%SZ.duckdb"
_DATED = re.compile(rf"{_PREFIX}\d{{8}}T\d{{6}}Z\.duckdb")
_SMALL = Resources(memory_limit="64MB", threads=1)
"""Of a copy that is opened beside the database itself."""


class BackupFailed(StoreError):
    """A copy could not be verified; it is not kept."""


def backup(
    connection: duckdb.DuckDBPyConnection, database: Path, to: Path, *, writing: AbstractContextManager[object]
) -> Path:
    """Copies a database that is open here to the file ``to``; ``writing`` is held meanwhile, so that nobody writes.

    Raises:
        BackupFailed: ``to`` is there already, or the copy is not the same.
        OSError: it cannot be written.
    """
    if to.exists():
        raise BackupFailed(f"backup {to}: expected no file, found one")
    to.parent.mkdir(parents=True, exist_ok=True)
    part = to.with_name(f".{to.name}.part")
    wal = database.with_name(f"{database.name}.wal")
    part_wal = part.with_name(f"{part.name}.wal")
    try:
        with writing:
            # not while somebody reads what was changed since he began: then the log is copied as well
            with suppress(duckdb.TransactionException):
                connection.execute("checkpoint")
            last_seq = _last_seq(connection)
            _copy(database, part)
            if wal.exists() and wal.stat().st_size:
                _copy(wal, part_wal)
        if part_wal.exists():
            with closing(open_database(part, _SMALL)) as opened:
                opened.execute("checkpoint")
        _verify(part, last_seq)
        part.rename(to)
        sync_folder(to.parent)
    finally:
        part.unlink(missing_ok=True)
        part_wal.unlink(missing_ok=True)
    return to


def _copy(source: Path, target: Path) -> None:
    """Copies in a process of its own: whoever closes a file loses every lock on it that his process has (fcntl(2)).

    Raises:
        BackupFailed: it cannot be written.
    """
    copied = subprocess.run(["cp", "--", source, target], capture_output=True, text=True, check=False)  # noqa: S603,S607
    if copied.returncode != 0:
        raise BackupFailed(f"backup {target}: {' '.join(copied.stderr.split())}")
    target.chmod(0o600)
    with target.open("rb") as file:
        os.fsync(file.fileno())


def _verify(copy: Path, last_seq: int) -> None:
    with closing(open_database(copy, _SMALL, read_only=True)) as opened:
        found = _last_seq(opened)
    if found != last_seq:
        raise BackupFailed(f"backup {copy}: expected rows up to number {last_seq}, found {found}")


def _last_seq(connection: duckdb.DuckDBPyConnection) -> int:
    row = connection.execute("select coalesce(max(last_ingest_seq), 0) from ingest_counter").fetchone()
    return 0 if row is None else int(row[0])


def backups(folder: Path) -> list[Path]:
    """The dated backups in a folder, oldest first."""
    return sorted(path for path in folder.glob(f"{_PREFIX}*.duckdb"))


def dated_name(now: datetime) -> str:
    """The name of a backup made at an instant."""
    return now.astimezone(UTC).strftime(_NAME)


def next_name(folder: Path, now: datetime) -> str:
    """The name of the next backup in a folder: that of an instant, which grows also where the clock was set back.

    By name the newest is the newest then, none is taken twice, and what is forgotten is what was made first.
    """
    dated = [path.name for path in backups(folder) if _DATED.fullmatch(path.name)]
    if not dated or dated_name(now) > dated[-1]:
        return dated_name(now)
    return dated_name(datetime.strptime(dated[-1], _NAME).replace(tzinfo=UTC) + timedelta(seconds=1))


def forget_all_but(folder: Path, keep: int) -> None:
    """Deletes the oldest backups of a folder."""
    for path in backups(folder)[:-keep]:
        path.unlink()


def forget_unfinished(folder: Path) -> list[str]:
    """Removes the copies that killed processes have left half made, when nobody is copying; returns their names.

    Beside them lies what DuckDB spilled while it opened them.
    """
    gone = sorted(folder.glob(f".{_PREFIX}*.duckdb.*"))
    for path in gone:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    return [path.name for path in gone]


def compress_segments(home: Path, finished: set[str]) -> list[str]:
    """Compresses the segments that are stored to their end; returns their names."""
    # the database's log may be a new file: that it is there must be on disk before what it holds is moved
    sync_folder(home / "logs")
    done = []
    for path in sorted(journal_folder(home).glob(f"*{SUFFIX}")):
        if path.name in finished:
            compress(path)
            done.append(path.name)
    return done


def compress(path: Path) -> Path:
    """Replaces a file by ``NAME.gz``, so that at every moment one of them is whole."""
    target = path.with_name(f"{path.name}.gz")
    part = path.with_name(f".{target.name}.part")
    try:
        with path.open("rb") as source, part.open("wb") as file:
            part.chmod(path.stat().st_mode & 0o777)
            with gzip.GzipFile(filename=path.name, fileobj=file, mode="wb", compresslevel=3) as packed:
                shutil.copyfileobj(source, packed, 1024 * 1024)
            file.flush()
            os.fsync(file.fileno())
        part.rename(target)
    finally:
        part.unlink(missing_ok=True)
    sync_folder(path.parent)
    path.unlink()
    return target


def delete_covered_segments(home: Path, newest_backup: Path, *, older_than: datetime) -> list[str]:
    """Deletes compressed segments that a backup holds to their end and that were written before an instant."""
    candidates = [
        path
        for path in sorted(journal_folder(home).glob(f"*{SUFFIX}.gz"))
        if datetime.fromtimestamp(path.stat().st_mtime, UTC) < older_than
    ]
    if not candidates:
        return []
    with closing(open_database(newest_backup, _SMALL, read_only=True)) as opened:
        rows = opened.execute("select segment from journal_segments where is_finished").fetchall()
    covered = {name for (name,) in rows}
    gone = [path for path in candidates if path.name.removesuffix(".gz") in covered]
    # it may have got its name while its folder could not be synced
    sync_folder(newest_backup.parent)
    for path in gone:
        path.unlink()
    return [path.name for path in gone]


def is_backup_due(folder: Path, every: timedelta, now: datetime, last_import: datetime | None) -> bool:
    """Whether there is no backup in a folder, or the newest is older than ``every``, or than the last import.

    What was imported stands in no journal: only a backup can bring it back.
    """
    found = backups(folder)
    if not found:
        return True
    made = datetime.fromtimestamp(found[-1].stat().st_mtime, UTC)
    # one of the future was made before the clock was set back: how old it is nobody knows
    return not timedelta(0) <= now - made < every or (last_import is not None and last_import > made)
