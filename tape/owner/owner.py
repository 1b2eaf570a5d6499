"""The owner: the one process that has the database open read-write, and the workers that run in it.

Workers, each a thread with its own cursors: ``ingest`` (journal -> rows), ``publish`` (state files), ``mirror`` (JSONL
logs), ``caches`` (files for local dashboards), ``housekeeping`` (backups, compression, deletion of old data), ``disk``
(free space), and the door, a socket for queries. If ``[sync]`` is enabled, the sync to Firestore has a thread too,
without a cursor.

Laws kept here:
- every writer to the database holds ``writing``, so that a backup can be a plain copy;
- the owner's own work comes first: if there is no memory for a step, queries are ended and the step is repeated;
- a worker whose step fails logs the failure once, counts it and goes on; a broken database ends the process with a
  non-zero code and one line: the journal has lost nothing, and a supervisor restarts the owner;
- a damaged or lost database is rebuilt before it is served, if that loses nothing; else the owner does not start;
- SIGTERM and SIGINT end the owner within 2 seconds; events recorded by then are stored, published and mirrored. If
  there is no time for all of them, as with a long backlog, the rest stays in the journal for the next owner, and the
  last line names it.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from tape.client.owner_socket import refuse_foreign_socket
from tape.doctor.checks import State
from tape.doctor.store import ahead_check
from tape.exporters.contract import STATE_FILES
from tape.exporters.firestore.sync import Sync, status_path
from tape.exporters.home_files import refuse_foreign, settle
from tape.exporters.mirrors.live import Mirrors
from tape.exporters.nav_caches import NAV_LOG, PEAK_STATE, Day, NavCaches
from tape.exporters.publisher import Publisher
from tape.exporters.state_files import forget_unfinished
from tape.owner.clock import Clock
from tape.owner.config import record_config
from tape.owner.disk import Disk
from tape.owner.door import Door
from tape.owner.housekeeping import Housekeeping
from tape.owner.live import Live
from tape.owner.opening import open_to_own
from tape.owner.scratch import scratch_folder
from tape.owner.signals import called_by_signals, leave
from tape.owner.sync import make_sync
from tape.owner.worker import Worker
from tape.settings import Settings
from tape.store.claims import owner_pid, owning, refuse_foreign_claims
from tape.store.database import closing, is_damage, lock_down, set_clocks
from tape.store.errors import StoreError
from tape.store.home import Layout
from tape.store.ingest.ahead import events_ahead
from tape.store.ingest.gaps import gaps
from tape.store.ingest.ingest import Ingest
from tape.store.ingest.positions import certificates
from tape.store.own_files import OwnFiles
from tape.store.recovery import backup as copies
from tape.store.recovery.damaged import mark_damaged
from tape.store.recovery.packed_segments import recall_packed
from tape.store.write_lock import Writing

_LOG = logging.getLogger("tape")
_PUBLISH_EVERY_S = 0.1
_MIRROR_EVERY_S = 0.25
_HOUSEKEEPING_EVERY_S = 30.0
_DISK_EVERY_S = 1.0
_AHEAD_EVERY_S = 5.0
_CACHES_EVERY_S = 5.0
_KNOWN_EVERY_S = 60.0
_END_S = 1.5
"""How long the steps under way and the last round may take at the end; the journal has what they do not reach."""
_LAST_FILES_S = 0.8
"""The part of it that is kept for files and mirrors, however much there is to store."""


class DatabaseBroken(StoreError):
    """The open database can no longer be used; the process must end, and the next owner goes on."""


class Owner:
    """Owns the database of a home until ``stop()``, a signal, or a broken database.

    Raises:
        StoreError: a sync is configured that may not start.
    """

    def __init__(self, home: Path, settings: Settings, *, take_over: bool = False) -> None:
        """``take_over``: take over files of other programs that are in the place of the owner's own files."""
        self.home = home
        self.own = OwnFiles(home)
        self._is_to_take_over = take_over
        self.settings = settings
        self.database = Layout(home).database
        self.started = datetime.now(UTC)
        self.writing = Writing(self.database)
        self.publishing = threading.Lock()
        """Held by whoever writes into the folder of state files, so that an older instant never follows a newer one."""
        self.versions: dict[str, int] = {}
        """Per table the number of its newest row stored by this process."""
        self.workers: list[Worker] = []
        """Empty until all of it runs."""
        self.disk = Disk(home, settings.store)
        self.sync = self._allowed_sync()
        self.serving = threading.Event()
        """Set once everything runs."""
        self._is_left = False
        """Whether a thread is left behind in the middle of a step."""
        self._ended: set[str] = set()
        """The workers that have done their last step."""
        self._told_ahead: set[str] = set()
        """The sources with events later than now that were named already."""
        self._known_said, self._known_said_at = 0, float("-inf")
        """How many events were said to be known already, and when, monotonic seconds."""
        self._looked_ahead_at: dict[str, int] | None = None
        self._stop = threading.Event()
        self._asked_at: float | None = None
        """When it was asked to end, monotonic seconds."""
        self._fatal: Exception | None = None

    def _allowed_sync(self) -> Sync | None:
        if not self.settings.sync.enabled:
            return None
        if not self.settings.firestore_enabled:
            _LOG.warning("sync: off: FIRESTORE_ENABLED is not on")
            return None
        return make_sync(self.home, self.settings)

    def stop(self, asked_at: float | None = None) -> None:
        """End the owner after the running steps and a last round; ``asked_at``: when the stop was requested."""
        if self._asked_at is None:
            self._asked_at = time.monotonic() if asked_at is None else asked_at
        self._stop.set()
        for worker in self.workers:
            worker.wake.set()

    def run(self) -> None:
        """Run until stopped.

        Raises:
            OwnerRuns: this home has an owner already.
            ForeignFile: a file that the owner would write belongs to another program.
            DatabaseBroken: the database can no longer be used.
            StoreError: the database cannot be opened, or is damaged and cannot be rebuilt without loss.
        """
        # Before the claim, which writes a pid into the file: another program's file must stay as it is.
        refuse_foreign_claims(self.home, ["tape.pid"])
        refuse_foreign_socket(self.home)
        if not self._is_to_take_over and owner_pid(self.home) is None:
            refuse_foreign(self.own)
        with ExitStack() as stack:
            stack.enter_context(owning(self.home))
            scratch = Path(stack.enter_context(scratch_folder(self.home)))
            if (connection := open_to_own(self.home, self.settings.resources(threads=1), self._stop)) is None:
                return
            self.connection = connection
            # Behind the claim on the stack, so that the database is closed before another owner may open it.
            stack.callback(self._close)
            # Before the door opens: from here on no query can reach files or settings, whatever passes the guard.
            lock_down(connection, scratch)
            try:
                self._start(stack, scratch)
            except duckdb.Error as error:
                self.break_off(error)
                raise self._broken(error) from error
            self._stop.wait()
            self._finish()
        if self._fatal is not None:
            raise self._broken(self._fatal)

    def _broken(self, error: Exception) -> DatabaseBroken:
        then = "; the next start rebuilds it" if is_damage(error) else ""
        return DatabaseBroken(f"database {self.database} can no longer be used: {' '.join(str(error).split())}{then}")

    def _start(self, stack: ExitStack, scratch: Path) -> None:
        places = Layout(self.home)
        settle(self.own, self.connection, take_over=self._is_to_take_over)
        self._clean_up()
        self.clock = Clock(self._last_published())
        # Before the journal is read on, so that what was recorded first is numbered first.
        self._recall(scratch)
        self.ingest = Ingest(self.connection.cursor(), self.home, scratch)
        self._ingest_all()
        # Once the journal is stored, so that it is compared with the newest word on record, and not with an older one.
        record_config(self.home, self.settings, self.connection)
        self._ingest_all()
        self._say_what_is_stored()
        self.publisher = Publisher(
            self.connection,
            places.state,
            configured=self.settings.configured,
            intervals=self.settings.intervals,
            own=self.own,
        )
        self.mirrors = Mirrors(self.connection, places.logs, own=self.own)
        self.caches = NavCaches(places.logs)
        self.housekeeping = Housekeeping(self.connection, self.home, self.settings, self.disk, self.writing)
        door = Door(self._live())  # before any thread runs: what a thread makes meanwhile would get the socket's umask
        self._end_queries = door.queries.end
        room = door.queries.alone
        self.workers += [
            Worker("ingest", self.settings.store.ingest_every_s, self._ingest, room=room, last=self._ingest),
            Worker("publish", _PUBLISH_EVERY_S, self._publish, follows_ingest=True, room=room, last=self._publish_last),
            Worker("mirror", _MIRROR_EVERY_S, self._mirror, follows_ingest=True, room=room, last=self._mirror),
            Worker("caches", _CACHES_EVERY_S, self._keep_caches, room=room, last=self._keep_caches),
            Worker("housekeeping", _HOUSEKEEPING_EVERY_S, self.housekeeping.run_once, room=room),
            Worker("disk", _DISK_EVERY_S, self.disk.look),
            Worker("ahead", _AHEAD_EVERY_S, self._look_ahead, last=self._look_ahead),
        ]
        self._threads = [
            threading.Thread(target=worker.run, args=(self._stop, self.break_off), name=worker.name, daemon=True)
            for worker in self.workers
        ]
        if self.sync is not None:
            self._threads.append(threading.Thread(target=self._run_sync, args=(self.sync,), name="sync", daemon=True))
        for thread in self._threads:
            thread.start()
        # Last: whoever gets an answer finds everything running.
        stack.enter_context(door)
        _LOG.info("serving %s, pid %d", self.home, os.getpid())
        self.serving.set()

    def _live(self) -> Live:
        return Live(
            home=self.home,
            settings=self.settings,
            started=self.started,
            connection=self.connection,
            own=self.own,
            clock=self.clock,
            ingest=self.ingest,
            publisher=self.publisher,
            publishing=self.publishing,
            mirrors=self.mirrors,
            housekeeping=self.housekeeping,
            workers=self.workers,
            break_off=self.break_off,
        )

    def _clean_up(self) -> None:
        """Remove half made files of killed processes: no process can use them any more."""
        places = Layout(self.home)
        left = forget_unfinished(places.state, {file.name for file in STATE_FILES})
        for path in (places.logs / PEAK_STATE, places.logs / NAV_LOG, status_path(self.home)):
            left += forget_unfinished(path.parent, {path.name})
        left += copies.forget_unfinished(places.backups)
        if left:
            _LOG.info("removed what was left half made: %s", ", ".join(left))

    def _last_published(self) -> datetime | None:
        ((last,),) = self.connection.execute("select arg_max(as_of, export_id) from exports").fetchall()
        return last if isinstance(last, datetime) else None

    def _recall(self, scratch: Path) -> None:
        """Store events again that the database has lost and that are only in compressed segments."""
        with self.writing, closing(self.connection.cursor()) as cursor:
            read = recall_packed(cursor, self.home, scratch, is_stopped=self._is_to_wait)
        if read.segments:
            _LOG.warning("stored again from %d compressed segments: %d events", read.segments, read.events)
        for path, fault in read.damaged.items():
            _LOG.error("segment %s is damaged, and set aside: %s", path.name, fault)

    def _is_to_wait(self) -> bool:
        return self._stop.is_set() or self.disk.is_full()

    def _run_sync(self, sync: Sync) -> None:
        try:
            sync.run(self._stop)
        except Exception as error:  # noqa: BLE001 (a thread that the runtime does without)
            _LOG.error("%s", error, exc_info=None if isinstance(error, StoreError) else error)

    def break_off(self, error: Exception) -> None:
        """End the owner because the database can no longer be used; the next owner rebuilds it if it is damaged."""
        is_first, self._fatal = self._fatal is None, self._fatal or error
        self.stop()
        # Marked on disk, because the process that finds the damage is not the one that can mend it.
        if is_first and is_damage(error):
            try:
                mark_damaged(self.home, " ".join(str(error).split()), datetime.now(UTC))
            except OSError as unmarked:
                _LOG.error("the damage is not marked, the next start has to find it again: %s", unmarked)

    def _finish(self) -> None:
        """Store, publish and mirror what was recorded up to now, as far as time permits.

        The last round has a thread of its own. That thread and the running steps are abandoned if they do not end in
        time: each commit and each file is whole, so the next owner goes on as after a kill.
        """
        until = (self._asked_at or time.monotonic()) + _END_S
        # First of all: a query may hold a transaction that the last round would wait for.
        self._end_queries()
        if self.sync is not None:
            self.sync.close()
        last = threading.Thread(target=self._last_round, args=(until,), name="last round", daemon=True)
        last.start()
        for thread in [last, *self._threads]:
            thread.join(max(0.0, until - time.monotonic()))
        under_way = [thread.name for thread in self._threads if thread.is_alive()]
        self._is_left = last.is_alive() or bool(under_way)
        for worker in self.workers:
            worker.is_left = self._is_left
        left = list(self._left())
        _LOG.info("stopped%s", f" in the middle of {', '.join(under_way)}" if under_way else "")
        if left:
            _LOG.warning("left for the next start, nothing is lost: %s", "; ".join(left))

    def _close(self) -> None:
        """Close the database, unless a thread still uses it: then it ends with the process."""
        if self._is_left:
            return
        if self.serving.is_set():
            self.publisher.close()
            self.mirrors.close()
        self.connection.close()

    def _last_round(self, until: float) -> None:
        """Let each worker, in order, do its last step once its thread has ended."""
        for worker, thread in zip(self.workers, self._threads, strict=False):
            # The thread may be in the middle of its step. Doing its last one beside it would write one file twice.
            thread.join(max(0.0, until - time.monotonic()))
            if worker.last is None or thread.is_alive() or self._fatal is not None:
                continue
            if worker.end(until - (_LAST_FILES_S if worker.name == "ingest" else 0.0), self.break_off):
                self._ended.add(worker.name)

    def _left(self) -> Iterator[str]:
        """Return what the last round did not do, and why."""
        if self._fatal is not None:
            return  # said by whoever ends the process
        if self.disk.is_full():
            yield "all that was recorded since the disk is full"
        for worker in self.workers:
            if worker.last is not None and worker.name not in self._ended:
                yield f"{worker.name}: {worker.error or 'not done in time'}"
        for publication in self.publisher.publications:
            if publication.error is not None:
                yield f"{publication.file.name}: {publication.error}"
        for name, error in self.mirrors.errors.copy().items():
            yield f"{name}: {error}"

    def _ingest_all(self) -> None:
        while self._ingest() and not self._stop.is_set():
            pass

    def _ingest(self) -> bool:
        """Store a slice of the recorded events; return whether there are more."""
        if self.disk.is_full():
            return False
        # Held for the whole step: a backup is a plain copy of the file, and must not see half a transaction.
        with self.writing:
            done = self.ingest.run_once()
        self._say_what_is_known()
        if done.tables:
            # A new dictionary, as other threads read the old one: they see all of a step or nothing of it.
            self.versions = {**self.versions, **dict.fromkeys(done.tables, done.last_seq)}
            for worker in self.workers:
                if worker.follows_ingest:
                    worker.wake.set()
        return done.has_more

    def _say_what_is_known(self) -> None:
        """Log how many events were known already: the first at once, further ones once a minute."""
        count, now = self.ingest.known - self._known_said, time.monotonic()
        if count and (self._stop.is_set() or now >= self._known_said_at + _KNOWN_EVERY_S):
            _LOG.info("%d events known already: recorded again, stored once", count)
            self._known_said, self._known_said_at = self.ingest.known, now

    def _publish(self) -> None:
        if self.disk.is_full():
            return
        breaks, is_first = self.clock.breaks, self.publisher.nav is None
        with self.publishing:
            as_of = self.clock.now()
            # A file's age was measured on a clock that has been set, or across a sleep: nobody knows how old it is.
            if self.clock.breaks != breaks:
                self.publisher.expire()
            self.publisher.publish_due(self.versions, as_of, writing=self.writing)
        if is_first:
            next(worker for worker in self.workers if worker.name == "caches").wake.set()
        if self.clock.breaks != breaks:
            record_config(self.home, self.settings, self.connection)

    def _keep_caches(self) -> None:
        """Update the caches for dashboards and old runtimes from the nav.json that this owner published last."""
        if self.publisher.nav is None or self.disk.is_full():
            return
        raw, as_of = self.publisher.nav
        with closing(self.connection.cursor()) as cursor:
            set_clocks(cursor, as_of=as_of)
            query = "select strftime(as_of() at time zone reset_timezone, '%Y-%m-%d'), reset_timezone from limits"
            ((name, zone),) = cursor.execute(query).fetchall()
        self.caches.keep(raw, Day(name, zone))

    def _publish_last(self) -> None:
        """Publish every file with changed inputs, regardless of its cadence."""
        if not self.disk.is_full():
            with self.publishing:
                self.publisher.publish_due(self.versions, self.clock.now(), writing=self.writing, is_last=True)

    def _mirror(self) -> bool:
        """Mirror a slice; return whether there may be more."""
        return not self.disk.is_full() and self.mirrors.run_once(self.writing, self.versions) > 0

    def _look_ahead(self) -> None:
        """Log once for each source that its events are later than now, and again when that begins anew."""
        # What was not ahead stays so: the clock only comes nearer. Only new rows can change the answer.
        if self.versions == self._looked_ahead_at:
            return
        versions, now = self.versions, datetime.now(UTC)
        with closing(self.connection.cursor()) as cursor:
            found = events_ahead(cursor, now)
        check = ahead_check([each for each in found if each.source not in self._told_ahead], now)
        if check.state is not State.OK:
            _LOG.warning("events ahead: %s; %s", check.found, check.advice)
        self._told_ahead = {each.source for each in found}
        self._looked_ahead_at = versions

    def _say_what_is_stored(self) -> None:
        for certificate in certificates(self.connection):
            log = _LOG.info if certificate.gaps == 0 else _LOG.warning
            log("%s", certificate)
        for gap in gaps(self.connection, self.home):
            _LOG.warning("%s", gap)


def serve(home: Path, settings: Settings, *, take_over: bool = False) -> None:
    """Run the owner in the foreground until SIGTERM or SIGINT.

    Raises:
        StoreError: as ``Owner.run``.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    owner = Owner(home, settings, take_over=take_over)
    with called_by_signals(owner.stop):
        owner.run()
    leave()
