"""The owner: the one process that has the database open read-write, and everything that runs beside it.

Workers, each a thread with its own cursors: ``ingest`` (journal -> rows), ``publish`` (state files), ``mirror`` (JSONL
logs), ``housekeeping`` (backups, compression, what has grown too old), and the door, a socket for queries. Where
``[sync]`` says so, the sync to Firestore has a thread too, without a cursor.

Laws kept here:
- whatever writes to the database holds ``writing``, so that a backup can be a plain copy;
- a worker whose step fails logs it once, counts it and goes on; a broken database ends the process, non-zero, with one
  line: the journal has lost nothing, and a supervisor starts it again;
- SIGTERM and SIGINT end it within two seconds; what was recorded by then is stored, or, of a long backlog, kept in the
  journal for the next owner.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from execution.events import ConfigChanged
from exporters.firestore import Sync, sync_status
from exporters.live_mirrors import Mirrors
from exporters.publisher import Publisher
from store.backup import (
    backup,
    backups,
    compress,
    compress_segments,
    dated_name,
    delete_covered_segments,
    forget_all_but,
    is_backup_due,
)
from store.database import closing, is_fatal, lock_down, migrate, open_database, transaction
from store.errors import DatabaseLocked, StoreError
from store.ingest import Ingest, certificates
from store.journal import Journal
from store.owner_lock import owning
from tape.settings import Settings, own_version
from tape.signals import called_by_signals
from tape.sync import make_sync

_LOG = logging.getLogger("tape")
_PUBLISH_EVERY_S = 0.1
_MIRROR_EVERY_S = 0.25
_HOUSEKEEPING_EVERY_S = 30.0
_STEPS_END_S = 1.0
"""How long the steps under way are waited for at the end; the journal has what they do not reach."""
_LOW_DISK_BYTES = 512 * 1024 * 1024
_MIRROR_ARCHIVE_IDLE = timedelta(hours=1)
"""How long a rotated log stays as it is for those who still read it."""


class DatabaseBroken(StoreError):
    """The open database can no longer be used; the process ends, and the next one goes on."""


@dataclass
class Worker:
    """A step that is done again and again, until ``stop``: what it does, how often, and how it went."""

    name: str
    every_s: float
    step: Callable[[], None]
    follows_ingest: bool = False
    """It is done at once when rows were stored."""
    wake: threading.Event = field(default_factory=threading.Event)
    failures: int = 0
    error: str | None = None
    """Of the last step, ``None`` when it worked."""
    worked_at: float = 0.0
    """Monotonic seconds."""

    def run(self, stop: threading.Event, on_fatal: Callable[[Exception], None]) -> None:
        while not stop.is_set():
            self.once(on_fatal)
            self.wake.wait(self.every_s)
            self.wake.clear()

    def once(self, on_fatal: Callable[[Exception], None]) -> None:
        try:
            self.step()
        except Exception as error:  # noqa: BLE001 (a process loop: logged once, counted)
            if is_fatal(error):
                on_fatal(error)
                return
            if self.error is None:
                _LOG.error("%s: %s", self.name, error, exc_info=error)
            self.failures += 1
            self.error = " ".join(str(error).split())[:300]
        else:
            if self.error is not None:
                _LOG.info("%s works again", self.name)
            self.error = None
            self.worked_at = time.monotonic()


class Owner:
    """Owns the database of a home until ``stop()``, a signal, or a broken database.

    Raises:
        StoreError: a sync is configured that may not start.
    """

    def __init__(self, home: Path, settings: Settings) -> None:
        self.home = home
        self.settings = settings
        self.database = home / "logs" / "tape.duckdb"
        self.started = datetime.now(UTC)
        self.writing = threading.RLock()
        self.versions: dict[str, int] = {}
        """Per table the number of its newest row stored by this process."""
        self.workers: list[Worker] = []
        self.sync = self._allowed_sync()
        self.serving = threading.Event()
        """Set once everything runs."""
        self._stop = threading.Event()
        self._fatal: Exception | None = None

    def _allowed_sync(self) -> Sync | None:
        if not self.settings.sync.enabled:
            return None
        if not self.settings.firestore_enabled:
            _LOG.warning("sync: off: FIRESTORE_ENABLED is not on")
            return None
        return make_sync(self.home, self.settings)

    def stop(self) -> None:
        """Ends the owner after the steps under way."""
        self._stop.set()
        for worker in self.workers:
            worker.wake.set()

    def run(self) -> None:
        """Runs until it is stopped.

        Raises:
            OwnerRuns: this home has an owner.
            DatabaseBroken: the database can no longer be used.
            StoreError: the database cannot be opened.
        """
        with ExitStack() as stack:
            stack.enter_context(owning(self.home))
            scratch = Path(stack.enter_context(scratch_folder()))
            if (connection := self._open()) is None:
                return
            self.connection = stack.enter_context(closing(connection))
            lock_down(connection, scratch)
            self._start(stack, scratch)
            self._stop.wait()
            self._finish()
        if self._fatal is not None:
            reason = " ".join(str(self._fatal).split())
            raise DatabaseBroken(f"database {self.database} can no longer be used: {reason}")

    def _open(self) -> duckdb.DuckDBPyConnection | None:
        """Waits for a lock that somebody else holds, saying who; ``None`` when stopped meanwhile."""
        told = 0.0
        while not self._stop.is_set():
            try:
                for line in migrate(self.database, self.settings.resources(threads=1)):
                    _LOG.info("%s", line)
                return open_database(self.database, self.settings.resources(threads=1))
            except DatabaseLocked as error:
                if time.monotonic() - told >= 10:
                    _LOG.warning("waiting: %s", error)
                    told = time.monotonic()
                self._stop.wait(0.2)
        return None

    def _start(self, stack: ExitStack, scratch: Path) -> None:
        from tape.door import Door

        logs = self.home / "logs"
        self.ingest = Ingest(self.connection.cursor(), self.home, scratch)
        self._ingest_all()
        self._record_config()
        self._ingest_all()
        self._say_what_is_stored()
        self.publisher = Publisher(
            self.connection,
            logs / "state",
            configured=self.settings.configured,
            intervals=self.settings.intervals,
        )
        self.mirrors = Mirrors(self.connection, logs)
        self.workers = [
            Worker("ingest", self.settings.store.ingest_every_s, self._ingest_all),
            Worker("publish", _PUBLISH_EVERY_S, self._publish, follows_ingest=True),
            Worker("mirror", _MIRROR_EVERY_S, self._mirror, follows_ingest=True),
            Worker("housekeeping", _HOUSEKEEPING_EVERY_S, self._keep_house),
        ]
        self._threads = [
            threading.Thread(target=worker.run, args=(self._stop, self._break), name=worker.name, daemon=True)
            for worker in self.workers
        ]
        if self.sync is not None:
            self._threads.append(threading.Thread(target=self._run_sync, args=(self.sync,), name="sync", daemon=True))
        door = Door(self)  # before any thread runs: what a thread makes meanwhile would get the socket's umask
        for thread in self._threads:
            thread.start()
        stack.enter_context(door)
        _LOG.info("serving %s, pid %d", self.home, os.getpid())
        self.serving.set()

    def _run_sync(self, sync: Sync) -> None:
        try:
            sync.run(self._stop)
        except Exception as error:  # noqa: BLE001 (a thread that the runtime does without)
            _LOG.error("%s", error, exc_info=None if isinstance(error, StoreError) else error)

    def _break(self, error: Exception) -> None:
        self._fatal = self._fatal or error
        self.stop()

    def _finish(self) -> None:
        """Stores what was recorded up to now; what that changes is published and mirrored by the next owner."""
        if self.sync is not None:
            self.sync.close()
        until = time.monotonic() + _STEPS_END_S
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        under_way = [thread.name for thread in self._threads if thread.is_alive()]
        if self._fatal is None and "ingest" not in under_way:
            next(worker for worker in self.workers if worker.name == "ingest").once(self._break)
        if not under_way:
            self.publisher.close()
            self.mirrors.close()
        _LOG.info("stopped%s", f" in the middle of {', '.join(under_way)}" if under_way else "")

    def _ingest_all(self) -> None:
        while True:
            with self.writing:
                done = self.ingest.run_once()
            if done.tables:
                self.versions = {**self.versions, **dict.fromkeys(done.tables, done.last_seq)}
                for worker in self.workers:
                    if worker.follows_ingest:
                        worker.wake.set()
            if not done.has_more or self._stop.is_set():
                return

    def _publish(self) -> None:
        self.publisher.publish_due(self.versions, datetime.now(UTC), writing=self.writing)

    def _mirror(self) -> None:
        while self.mirrors.run_once(self.writing, self.versions) and not self._stop.is_set():
            pass

    def _keep_house(self) -> None:
        now = datetime.now(UTC)
        store, logs = self.settings.store, self.home / "logs"
        with closing(self.connection.cursor()) as cursor:
            rows = cursor.execute("select segment from journal_segments where is_finished").fetchall()
            imported = cursor.execute("select max(imported_ts) from imports").fetchone()
        compress_segments(self.home, {name for (name,) in rows})
        for folder in (logs / "archive", logs / "execution" / "archive"):
            for path in folder.glob("*.jsonl.*[0-9]"):
                if now - datetime.fromtimestamp(path.stat().st_mtime, UTC) > _MIRROR_ARCHIVE_IDLE:
                    compress(path)
        folder = logs / "backup"
        every = timedelta(hours=self.settings.backup.every_h)
        if every and is_backup_due(folder, every, now, imported[0] if imported else None):
            _LOG.info("backup %s", self.back_up(folder / dated_name(now)))
            forget_all_but(folder, self.settings.backup.keep)
        if found := backups(folder):
            for name in delete_covered_segments(
                self.home, found[-1], older_than=now - timedelta(days=store.journal_days)
            ):
                _LOG.info("deleted %s: stored, and covered by %s", name, found[-1].name)
        self._forget("marks", "ts", now - timedelta(days=store.marks_days))
        self._forget("exports", "as_of", now - timedelta(days=store.exports_days))
        free = shutil.disk_usage(logs).free
        if free < _LOW_DISK_BYTES:
            raise StoreError(
                f"disk of {logs}: {free // 2**20} MB free, expected at least {_LOW_DISK_BYTES // 2**20} MB"
            )

    def _forget(self, table: str, column: str, before: datetime) -> None:
        """Deletes old rows, when there is at least a day of them."""
        # closed at once: a result not read to its end keeps its transaction, and then no checkpoint empties the log
        with closing(self.connection.cursor()) as cursor:
            late = cursor.execute(f"select min({column}) < ? from {table}", [before - timedelta(days=1)]).fetchone()
            if late is not None and late[0]:
                with self.writing, transaction(cursor):
                    cursor.execute(f"delete from {table} where {column} < ?", [before])

    def back_up(self, to: Path) -> Path:
        """A verified copy of the database; the journal goes on meanwhile, its rows wait."""
        cursor = self.connection.cursor()
        try:
            return backup(cursor, self.database, to, writing=self.writing)
        finally:
            cursor.close()

    def _record_config(self) -> None:
        """Limits and universe of ``tape.toml``, recorded when they are not the newest on record."""
        given = {"limits": self.settings.limits, "universe": self.settings.universe}
        changed = []
        for kind, payload in given.items():
            row = self.connection.execute(
                "select payload from config_snapshots where kind = ? order by ts desc, ingest_seq desc limit 1", [kind]
            ).fetchone()
            if payload is not None and (row is None or json.loads(row[0]) != payload):
                changed.append(ConfigChanged(ts=datetime.now(UTC), kind=kind, payload=payload))
        if changed:
            with Journal(self.home, "tape") as journal:
                journal.record(changed, durable=True)

    def _say_what_is_stored(self) -> None:
        for certificate in certificates(self.connection):
            log = _LOG.info if certificate.gaps == 0 else _LOG.warning
            log("%s", certificate)

    def status(self) -> dict[str, Any]:
        """How the owner does, as JSON."""
        now = time.monotonic()
        wal = self.database.with_name(f"{self.database.name}.wal")
        return {
            "pid": os.getpid(),
            "version": own_version(),
            "started": self.started.isoformat(),
            "database_bytes": self.database.stat().st_size,
            "wal_bytes": wal.stat().st_size if wal.exists() else 0,
            "disk_free_bytes": shutil.disk_usage(self.home).free,
            "workers": {
                worker.name: {
                    "idle_s": round(now - worker.worked_at, 3) if worker.worked_at else None,
                    "failures": worker.failures,
                    "error": worker.error,
                }
                for worker in self.workers
            },
            "files": {
                publication.file.name: {
                    "age_s": None if publication.published_at is None else round(now - publication.published_at, 3),
                    "published": publication.published,
                    "failures": publication.failures,
                    "error": publication.error,
                }
                for publication in self.publisher.publications
            },
            "mirrors": {mirror.name: self.mirrors.errors.get(mirror.name) for mirror in self.mirrors.mirrors},
            "sync": sync_status(self.home, time.time()),
            "last_backup": next((path.name for path in reversed(backups(self.home / "logs" / "backup"))), None),
        }


@contextmanager
def scratch_folder() -> Iterator[str]:
    """A private folder, in memory where the machine has one."""
    memory = Path("/dev/shm")  # noqa: S108 (mkdtemp makes it private)
    with tempfile.TemporaryDirectory(prefix="tape-", dir=memory if os.access(memory, os.W_OK) else None) as folder:
        yield folder


def serve(home: Path, settings: Settings) -> None:
    """Runs the owner in the foreground until SIGTERM or SIGINT.

    Raises:
        StoreError: as ``Owner.run``.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    owner = Owner(home, settings)
    with called_by_signals(owner.stop):
        owner.run()
    leave()


def leave() -> None:
    """Ends the process where a thread is still inside the database, which would abort it later on."""
    if threading.active_count() > 1:
        logging.shutdown()
        os._exit(0)
