"""The sync: mirrors the published files to Firestore, ``hedge/{env}/state/{document}``, as they change.

The sync reads the published files like any other reader, so it needs no database, and can run in a process of its own
or in a thread of the owner.

Laws kept here:
- a cycle without changes sends nothing; every hour all documents are set again, in case others changed them;
- over a day a document is set at most every ``synced_every_s`` (contract): with the heartbeats that is less than the
  free quota of 20,000 writes, no matter what changes. A change after a quiet time is sent at once (BURST);
- only the newest file is sent: an outage keeps nothing in memory and leaves no backlog;
- a cycle makes a bounded number of attempts, and after a failure the next cycle waits RETRY_S, or REFUSED_RETRY_S if
  waiting for the server does not help (permission, quota);
- toggles of an earlier run are read back before the first document is set.
"""

from __future__ import annotations

import fcntl
import logging
import os
import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import orjson

from tape.execution.events import SymbolToggled
from tape.execution.values import shortened
from tape.exporters.contract import STATE_FILES, StateFile
from tape.exporters.documents import SYNC_FIELD, Document, DocumentRefused, document
from tape.exporters.firestore.remote import Outcome, RemoteFailed
from tape.exporters.nav_caches import Day, NavCaches
from tape.exporters.state_files import replace_file, to_json
from tape.store.claims import owner_pid
from tape.store.errors import StoreError
from tape.store.home import Layout
from tape.store.journal.writer import Journal
from tape.store.own_files import ForeignFile, digest_of

_LOG = logging.getLogger(__name__)
INTERVAL_S = 20.0
REFRESH_S = 3600.0
HEALTH_S = 60.0
RETRY_S = (1.0, 2.0, 4.0, 6.0)
REFUSED_RETRY_S = 60.0
BURST = 5
_SLACK_S = 0.5
"""By how much a cycle may come early."""
HEALTH = "telemetry/health"


class Remote(Protocol):
    """The part of Firestore's client that the sync uses; see ``FirestoreClient`` for the calls."""

    def read(self, path: str) -> dict[str, Any] | None: ...
    def send(self, documents: Sequence[Document], *, rewrite: bool) -> dict[str, Outcome]: ...
    def close(self) -> None: ...


class SyncRuns(StoreError):
    """Another sync of this home runs."""


@dataclass
class Mirrored:
    """One published file, and what is known of its document in Firestore."""

    file: StateFile
    every_s: float
    version: tuple[int, int] | None = None
    """Of the file that ``newest`` was read from: its inode and time."""
    newest: Document | None = None
    digest: str | None = None
    """Of the content that Firestore has, or has refused."""
    credit: float = BURST
    credited_at: float | None = None
    error: str | None = None

    def look(self, folder: Path) -> None:
        """Read the file if it has changed; the reason why it cannot be sent is kept in ``error``."""
        path = folder / self.file.name
        try:
            stat = path.stat()
            # Publishing renames a new file into place, so other content has another inode or another time.
            if (stat.st_ino, stat.st_mtime_ns) == self.version:
                return
            raw = path.read_bytes()
        except FileNotFoundError:
            return
        self.version = (stat.st_ino, stat.st_mtime_ns)
        try:
            self.newest = document(f"state/{self.file.stem}", raw)
        except DocumentRefused as error:
            self._say(str(error))
            self.newest = None
        else:
            self._say(None if self.newest.trimmed is None else f"{self.newest.path}: {self.newest.trimmed}: too large")

    def _say(self, error: str | None) -> None:
        if error is not None and self.error is None:
            _LOG.warning("sync: %s", error)
        self.error = error

    def is_changed(self) -> bool:
        return self.newest is not None and self.newest.digest != self.digest

    def earn(self, at: float) -> None:
        """Add the credit for the time since the last call, up to BURST documents."""
        if self.credited_at is not None:
            # Bounded, so that a quiet night does not pay for a minute that uses up the quota of a day.
            self.credit = min(BURST, self.credit + max(0.0, at - self.credited_at) / self.every_s)
        self.credited_at = at

    def refused(self, error: RemoteFailed) -> None:
        """Note that Firestore refused this content; other content may be accepted."""
        self._say(f"{self.newest.path if self.newest else self.file.stem}: {error}")
        # As if it were there: the same content would be refused again in every cycle.
        self.digest = self.newest.digest if self.newest else None


@dataclass
class Counts:
    """Counts since the start. Documents set and documents read count against Firestore's quota."""

    cycles: int = 0
    writes: int = 0
    reads: int = 0
    stale: int = 0
    failures: int = 0


@dataclass
class Sync:
    """Mirrors a home's published files; ``stamp`` are fields of the heartbeat, such as the program's version."""

    home: Path
    env: str
    remote: Remote
    interval_s: float = INTERVAL_S
    stamp: Mapping[str, Any] = field(default_factory=dict)
    counts: Counts = field(default_factory=Counts)
    error: str | None = None
    """Of the last cycle, ``None`` when it worked."""
    reset_timezone: str = "UTC"
    """Where the account's day begins, for the caches."""

    def __post_init__(self) -> None:
        self._caches: NavCaches | None = None
        self._caches_error: str | None = None
        pace = min(1.0, self.interval_s / INTERVAL_S)
        self.mirrored = [Mirrored(each, each.synced_every_s * pace) for each in STATE_FILES]
        self.writer = f"{socket.gethostname()}-{os.getpid()}"
        self._started = self._ok_ts = time.time()
        self._failed_in_a_row = 0
        self._refreshed_at: float | None = None
        self._health_at: float | None = None
        self._has_toggles = False
        self._closing = threading.Event()

    def run(self, stop: threading.Event) -> None:
        """Run cycles until ``stop``, or ``close()`` from another thread.

        Raises:
            SyncRuns: another sync of this home runs.
            ForeignFile: the status file of the sync belongs to another program.
        """
        with _claim(self.home):
            refuse_foreign_status(status_path(self.home))
            while not (stop.is_set() or self._closing.is_set()):
                began = time.monotonic()
                wait_s = self.step(time.time(), began)
                # After a failure the whole wait follows: one that took long to fail would else be tried again at once.
                until = (began if self.error is None else time.monotonic()) + wait_s
                while (left := until - time.monotonic()) > 0 and not self._closing.is_set() and not stop.is_set():
                    stop.wait(min(left, 0.2))
            self._tell(time.time(), is_stopped=True)

    def close(self) -> None:
        """End the running cycle, and run no more."""
        self._closing.set()
        self.remote.close()

    def step(self, now: float, at: float) -> float:
        """Run one cycle; return the seconds until the next one is due.

        ``now``: epoch seconds; ``at``: seconds of a clock that only goes forward.
        """
        wait_s = self.interval_s
        try:
            self._keep_caches()
            self._cycle(now, at)
        except Exception as error:  # noqa: BLE001 (a process loop: logged once, counted)
            # The connection was closed under this cycle, on purpose: that is no failure to tell.
            if self._closing.is_set():
                return 0.0
            wait_s = self._fail(error)
        else:
            if self.error is not None:
                _LOG.info("sync works again")
            self.error, self._failed_in_a_row, self._ok_ts = None, 0, now
        self.counts.cycles += 1
        self._tell(now)
        return wait_s

    def _fail(self, error: Exception) -> float:
        is_known = isinstance(error, (RemoteFailed, OSError))
        if self.error is None:
            _LOG.error("sync: %s", error, exc_info=None if is_known else error)
        self.error = shortened(" ".join((str(error) or type(error).__name__).split()), 300)
        self.counts.failures += 1
        self._failed_in_a_row += 1
        # A missing permission does not go away by asking every second, and each try may be billed.
        if isinstance(error, RemoteFailed) and not error.is_passing:
            return REFUSED_RETRY_S
        return min(RETRY_S[min(self._failed_in_a_row, len(RETRY_S)) - 1], self.interval_s)

    def _cycle(self, now: float, at: float) -> None:
        # First: a snapshot that is sent without them would switch the symbols on again for everybody.
        self._read_toggles(now)
        for each in self.mirrored:
            each.look(self._state)
            each.earn(at)
        if self._refreshed_at is None:
            self._refreshed_at = at
        is_refresh = at - self._refreshed_at >= REFRESH_S
        due = [
            each for each in self.mirrored if each.newest and (is_refresh or (each.is_changed() and each.credit >= 1))
        ]
        documents = [each.newest for each in due if each.newest]
        is_health_due = self._health_at is None or at - self._health_at >= HEALTH_S - _SLACK_S
        if is_health_due:
            documents.append(self._health(now))
        if documents:
            outcomes = self._send([self._stamped(each) for each in documents], rewrite=is_refresh)
            for each in due:
                self._settle(each, outcomes.get(f"state/{each.file.stem}"))
        # Only after the sending: a heartbeat that did not arrive is due in the next cycle.
        if is_health_due:
            self._health_at = at
        if is_refresh:
            self._refreshed_at = at

    def _settle(self, mirrored: Mirrored, result: Outcome | RemoteFailed | None) -> None:
        if isinstance(result, RemoteFailed):
            mirrored.refused(result)
            return
        mirrored.digest = mirrored.newest.digest if mirrored.newest else None
        # What was there already costs a reading, not one of the writes that the credit counts.
        if result == "sent":
            mirrored.credit -= 1

    def _send(self, documents: list[Document], *, rewrite: bool) -> dict[str, Outcome | RemoteFailed]:
        """Send all documents at once, or one by one if one of them is refused."""
        try:
            return {**self._count(self.remote.send(documents, rewrite=rewrite))}
        except RemoteFailed as error:
            # The server refuses all of it, so the documents one by one would be refused as well.
            if not error.is_document:
                raise
        outcomes: dict[str, Outcome | RemoteFailed] = {}
        for each in documents:
            try:
                outcomes.update(self._count(self.remote.send([each], rewrite=rewrite)))
            except RemoteFailed as error:
                if not error.is_document:
                    raise
                outcomes[each.path] = error
        return outcomes

    def _count(self, outcomes: dict[str, Outcome]) -> dict[str, Outcome]:
        results = list(outcomes.values())
        self.counts.reads += len(results)
        self.counts.writes += results.count("sent")
        self.counts.stale += results.count("stale")
        return outcomes

    def _stamped(self, each: Document) -> Document:
        stamp = {"seq": each.seq, "digest": each.digest, "writer": self.writer, "trimmed": each.trimmed}
        return replace(each, fields={**each.fields, SYNC_FIELD: stamp})

    def _health(self, now: float) -> Document:
        fields = {
            "updated_at": datetime.fromtimestamp(now, UTC).isoformat().replace("+00:00", "Z"),
            "updated_ts": now,
            "env": self.env,
            "hostname": socket.gethostname(),
            "pid": os.getpid(),
            **self.stamp,
            **vars(self.counts),
            "problems": self._problems(),
            "documents": {each.file.stem: each.newest.seq / 1e6 for each in self.mirrored if each.newest},
        }
        seq = round(now * 1e6)
        return Document(HEALTH, seq, str(seq), fields)

    def _read_toggles(self, now: float) -> None:
        if self._has_toggles:
            return
        snapshot = self.remote.read("state/risk_snapshot")
        self.counts.reads += 1
        try:
            toggles = restored(
                snapshot, _read_json(self._state / "risk_snapshot.json"), datetime.fromtimestamp(now, UTC)
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            _LOG.warning("sync: state/risk_snapshot: toggles cannot be read back: %s", error)
            toggles = []
        if toggles:
            with Journal(self.home, "sync") as journal:
                # Durable before they count as read: a kill right after would forget that a symbol is switched off.
                journal.record(toggles, durable=True)
            _LOG.info("sync: toggles read back: %s", ", ".join(each.symbol for each in toggles))
        self._has_toggles = True

    def _keep_caches(self) -> None:
        """Update the caches of nav.json while the home has no owner: one writer at a time."""
        if owner_pid(self.home) is not None:
            self._caches, self._caches_error = None, None
            return
        self._caches = self._caches or NavCaches(Layout(self.home).logs)
        error: str | None = None
        try:
            raw = (self._state / "nav.json").read_bytes()
            at = datetime.fromtimestamp(orjson.loads(raw)["updated_ts"], ZoneInfo(self.reset_timezone))
            self._caches.keep(raw, Day(f"{at:%Y-%m-%d}", self.reset_timezone))
        except FileNotFoundError:
            pass
        except (StoreError, OSError) as failed:
            error = str(failed)
        except (LookupError, TypeError, ValueError) as failed:
            error = f"{self._state / 'nav.json'}: expected the shape of docs/schema/nav.schema.json, found {failed!r}"
        if error is not None and error != self._caches_error:
            _LOG.warning("sync: the caches of nav.json are left as they are: %s", error)
        self._caches_error = error

    @property
    def _state(self) -> Path:
        return Layout(self.home).state

    def _problems(self) -> list[str]:
        of_caches = [] if self._caches_error is None else [self._caches_error]
        return [*(each.error for each in self.mirrored if each.error is not None), *of_caches]

    def _tell(self, now: float, *, is_stopped: bool = False) -> None:
        """Write the status for ``tape status``; a full disk does not stop the sync."""
        status = {
            "pid": os.getpid(),
            "env": self.env,
            "interval_s": self.interval_s,
            "cycled_ts": now,
            "ok_ts": self._ok_ts,
            "is_stopped": is_stopped,
            "error": self.error,
            "waiting": [each.file.stem for each in self.mirrored if each.is_changed()],
            "problems": self._problems(),
            **vars(self.counts),
        }
        try:
            path = status_path(self.home)
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(path, [to_json(status, indent=True)])
        except OSError as error:
            _LOG.warning("sync: %s", error)


def status_path(home: Path) -> Path:
    """Return the path of the status file of a home's sync."""
    return Layout(home).cache / "sync_status.json"


def sync_status(home: Path, now: float) -> dict[str, Any] | None:
    """Return the last status of a home's sync; ``None`` if there is none. ``lag_s``: seconds since it succeeded."""
    status = _read_json(status_path(home))
    if not isinstance(status, dict) or "ok_ts" not in status:
        return None
    return {**status, "lag_s": now - status["ok_ts"]}


def restored(snapshot: Mapping[str, Any] | None, local: Any, now: datetime) -> list[SymbolToggled]:
    """Return the toggles of a mirrored risk snapshot that are in force and missing from the local one."""
    known = dict(_toggles(local))
    toggles = []
    for symbol, meta in _toggles(snapshot):
        since, until = meta.get("disabled_ts"), meta.get("disabled_until")
        # The newer word holds. At one instant the local one does, which this home has seen itself.
        if not isinstance(since, (int, float)) or known.get(symbol, {}).get("disabled_ts", 0.0) >= since:
            continue
        until_ts = datetime.fromisoformat(until) if until else None
        if until_ts is None or until_ts > now:
            toggles.append(
                SymbolToggled(
                    event_id=f"sync-{symbol}-{round(since * 1e6)}",
                    ts=datetime.fromtimestamp(since, UTC),
                    symbol=symbol,
                    is_disabled=True,
                    until_ts=until_ts,
                    reason=meta.get("reason"),
                )
            )
    return toggles


def _toggles(snapshot: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    for each in snapshot.get("symbols", []) if isinstance(snapshot, dict) else []:
        risk = each.get("risk", {})
        if risk.get("toggle_active") and isinstance(risk.get("toggle_meta"), dict):
            yield each["symbol"], risk["toggle_meta"]


def _read_json(path: Path) -> Any:
    try:
        return orjson.loads(path.read_bytes())
    except (OSError, ValueError):
        return None


def refuse_foreign_status(path: Path) -> None:
    """Check the status file of the sync.

    Raises:
        ForeignFile: the file is not the status of a sync.
    """
    found = _read_json(path)
    is_own = isinstance(found, dict) and {"pid", "env", "cycled_ts", "ok_ts", "waiting"} <= found.keys()
    if not is_own and path.exists() and digest_of(path) is not None:
        raise ForeignFile(path, "another program's content", "move it away")


@contextmanager
def _claim(home: Path) -> Iterator[None]:
    path = Layout(home).cache / "sync.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            # Two syncs of one home would send everything twice, and use up the quota in half the time.
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SyncRuns(f"sync: home {home}: expected no other sync, found one running") from None
        yield
    finally:
        os.close(fd)
