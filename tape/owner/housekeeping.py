"""Housekeeping of an owner: deletes old rows and files, makes backups, compresses segments.

Laws kept here: tasks that free space come first; a failed task does not stop the others; a segment of the journal is
deleted only when every kept backup holds its events; nothing is deleted by age while the clock may be wrong.

A clock that is set ahead by years makes everything old at once. If the store has publications, but none and no rows of
the last days, its owner therefore deletes nothing until it has published for a day by this clock, and reports that.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from tape.exporters.mirrors.files import is_archived_mirror
from tape.owner.disk import Disk
from tape.settings import Settings
from tape.store.database import closing, is_fatal, transaction
from tape.store.errors import StoreError
from tape.store.home import Layout
from tape.store.ingest.price_questions import WIDEST_US
from tape.store.recovery.backup import (
    backup,
    backups,
    compress,
    compress_segments,
    delete_covered_segments,
    forget_all_but,
    is_backup_due,
    next_name,
    old_segments,
)

_LOG = logging.getLogger("tape")
_MIRROR_ARCHIVE_IDLE = timedelta(hours=1)
"""How long a rotated log stays as it is for those who still read it."""
_LOOKED_BACK = timedelta(days=8)
"""A clock that is set ahead by more than this finds nothing of the days before."""


class Unkept(StoreError):
    """Some tasks of housekeeping failed."""


class Housekeeping:
    """The housekeeping of an owner; every writer to the database holds ``writing``."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        home: Path,
        settings: Settings,
        disk: Disk,
        writing: AbstractContextManager[object],
    ) -> None:
        self._connection = connection
        self._home = home
        places = Layout(home)
        self._logs, self._database, self._copies = places.logs, places.database, places.backups
        self._settings = settings
        self._disk = disk
        self._writing = writing
        self.held: str | None = None
        """Why nothing goes by its age at the moment, if something would."""
        self._is_held = self._is_told = False

    def run_once(self) -> None:
        """Do all tasks that are due.

        Raises:
            Unkept: some tasks failed; the others are done.
            duckdb.Error: the database is broken.
        """
        now = datetime.now(UTC)
        # Asked once for all tasks: a clock that is years ahead makes every backup, segment and row old.
        self._is_held = self._has_jumped(now)
        self.held = None
        tasks: list[Callable[[datetime], None]] = [
            self._forget_copies_and_segments,
            self._compress,
            self._forget_rows,
            self._back_up_if_due,
        ]
        failed: list[Exception] = []
        for task in tasks:
            try:
                task(now)
            except (OSError, StoreError, duckdb.Error) as error:
                if is_fatal(error):
                    raise
                failed.append(error)
        if failed:
            raise Unkept("; ".join(str(error) for error in failed)) from failed[0]

    def back_up(self, to: Path) -> Path:
        """Make a verified copy of the database; recording goes on meanwhile, storing waits.

        Raises:
            DiskFull: there is no space for the copy.
            StoreError, OSError: as ``tape.store.recovery.backup.backup``.
        """
        wal = self._database.with_name(f"{self._database.name}.wal")
        held = sum(path.stat().st_size for path in (self._database, wal) if path.exists())
        self._disk.refuse_without_room(f"backup {to}", to.parent, held)
        with closing(self._connection.cursor()) as cursor:
            return backup(cursor, self._database, to, writing=self._writing)

    def _forget_copies_and_segments(self, now: datetime) -> None:
        # First: a disk that is nearly full needs the room for everything that follows.
        forget_all_but(self._copies, self._settings.backup.keep)
        kept = backups(self._copies)
        before = now - timedelta(days=self._settings.store.journal_days)
        if self._is_held:
            if old_segments(self._home, older_than=before):
                self._hold(now)
            return
        for name in delete_covered_segments(self._home, kept, older_than=before):
            _LOG.info("deleted %s: stored, and all of it in %s", name, ", ".join(path.name for path in kept))

    def _compress(self, now: datetime) -> None:
        with closing(self._connection.cursor()) as cursor:
            rows = cursor.execute("select segment from journal_segments where is_finished").fetchall()
        compress_segments(self._home, {name for (name,) in rows})
        for folder in (self._logs / "archive", self._logs / "execution" / "archive"):
            for path in filter(is_archived_mirror, folder.glob("*.jsonl.*[0-9]")):
                # Whoever follows a log by its inode may still be reading the end of the rotated one.
                if now - datetime.fromtimestamp(path.stat().st_mtime, UTC) > _MIRROR_ARCHIVE_IDLE:
                    compress(path)

    def _forget_rows(self, now: datetime) -> None:
        store = self._settings.store
        if (looked_up := self._looked_up_before()) is not None:
            self._forget(now, "marks", "ts", min(looked_up, now - timedelta(days=store.marks_days)))
        self._forget(now, "exports", "as_of", now - timedelta(days=store.exports_days))

    def _looked_up_before(self) -> datetime | None:
        """The instant before which no single mark is needed any more; null: no price was looked up yet."""
        with closing(self._connection.cursor()) as cursor:
            ((answered_to,),) = cursor.execute("select max(answered_to) from price_lookup_progress").fetchall()
        return None if answered_to is None else answered_to - timedelta(microseconds=WIDEST_US)

    def _has_jumped(self, now: datetime) -> bool:
        """Return whether there are old publications, and neither rows nor publications of the last week."""
        span = {"since": now - _LOOKED_BACK, "until": now - timedelta(days=1)}
        query = """
            select
                exists(from exports where as_of <= $since)
                and not exists(from exports where as_of > $since and as_of <= $until)
                and not exists(from marks where ts > $since and ts <= $until)
        """
        with closing(self._connection.cursor()) as cursor:
            ((has_jumped,),) = cursor.execute(query, span).fetchall()
        return bool(has_jumped)

    def _hold(self, now: datetime) -> None:
        held = (
            f"nothing is deleted by age: the store knows nothing of the days before {now:%Y-%m-%d}, so the clock may"
            " have been set ahead; if it stays, deleting goes on after a day"
        )
        if not self._is_told:
            _LOG.warning("%s", held)
        self.held, self._is_told = held, True

    def _forget(self, now: datetime, table: str, column: str, before: datetime) -> None:
        """Delete old rows, if there is at least a day of them and space to log the deletion."""
        # closed at once: a result not read to its end keeps its transaction, and then no checkpoint empties the log
        with closing(self._connection.cursor()) as cursor:
            # A day's worth at least: a delete for a few rows costs a transaction and a rewritten row group each time.
            late = cursor.execute(f"select min({column}) < ? from {table}", [before - timedelta(days=1)]).fetchone()
            if late is not None and late[0] and self._is_held:
                self._hold(now)
            elif late is not None and late[0] and not self._disk.is_full():
                with self._writing, transaction(cursor):
                    cursor.execute(f"delete from {table} where {column} < ?", [before])

    def _back_up_if_due(self, now: datetime) -> None:
        every = timedelta(hours=self._settings.backup.every_h)
        with closing(self._connection.cursor()) as cursor:
            ((imported,),) = cursor.execute("select coalesce(max(last_seq), 0) from imports").fetchall()
        if every and is_backup_due(self._copies, every, now, imported):
            _LOG.info("backup %s", self.back_up(self._copies / next_name(self._copies, now)))
            forget_all_but(self._copies, self._settings.backup.keep)
