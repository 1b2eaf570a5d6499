"""The door: a Unix socket of the owner through which others ask, because nobody else may open the file.

Protocol: one request per connection, a JSON object in one line of at most 1 MB; the answer is one line of JSON,
``{"ok": true, ..}`` or ``{"ok": false, "error": ".."}``, followed by ``bytes`` bytes where it says so (Arrow).
Requests:

- ``{"request": "status"}``
- ``{"request": "doctor"}``: every check of the home
- ``{"request": "query", "sql": .., "as_of": .., "known_seq": .., "format": "rows"|"arrow"}``: one select, read-only,
  ended after the time limit or when the client hangs up, its rows capped; its thread has a lower priority than what the
  owner does itself. Rows come with ``columns`` and their ``types``
- ``{"request": "round", "queries": [..], "as_of": .., "known_seq": ..}``: several selects on one state of the store,
  what they share computed once, within the limits of one query; ``answers``, each like that of a query
- ``{"request": "export", "as_of": .., "files": [..], "out": ..}``; no files: the six JSONL logs
- ``{"request": "republish", "export_id": .., "out": ..}``
- ``{"request": "backup", "to": ..}``

The socket is the owner's user's alone (mode 0600).
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

import duckdb
import orjson

from exporters.contract import state_file
from exporters.jsonl_mirrors import write_logs
from exporters.publisher import republish
from exporters.state_files import publish
from store.database import closing, is_damage, set_clocks
from store.errors import StoreError
from store.gaps import gaps
from store.ingest import certificates
from store.query import arrow_stream, one_select
from store.round import open_round
from store.status import newest_event, relation_names, table_status
from tape.doctor.examine import examine_owner
from tape.owner_socket import SOCKET, short_name
from tape.owner_socket import DoorClosed as DoorClosed
from tape.owner_socket import ask as ask

if TYPE_CHECKING:
    from tape.service import Owner

_MAX_REQUEST = 1024 * 1024
_OPTIONS = orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS | orjson.OPT_UTC_Z
_END_S = 0.4
_MAX_CLIENTS = 32
"""Connections at a time; one more is told to come back."""
_MAX_QUERIES = 200
"""Of a round."""
_MAX_ANSWER = 64 * 1024 * 1024
_NICENESS = 10
_PATIENCE_S = 5.0
"""How long a client may take to say what it wants."""
_AGAIN_S = 0.05
"""From interrupt to interrupt: one that comes before a query has begun to run is lost."""


class Running(Protocol):
    """What can be told to end: a cursor, a round."""

    def interrupt(self) -> None: ...


class TimedOut(StoreError):
    """A query took longer than it may."""


class HungUp(StoreError):
    """Nobody waits for a query's answer any more."""


class Door:
    """Serves the socket of a home while the block runs."""

    def __init__(self, owner: Owner) -> None:
        self._path = owner.home / "logs" / SOCKET
        self._path.unlink(missing_ok=True)
        with short_name(self._path) as address:
            before = os.umask(0o177)
            try:
                self._server = _Server(address, owner)
            finally:
                os.umask(before)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="door", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.end_queries()
        self._server.server_close()
        self._path.unlink(missing_ok=True)


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: str, owner: Owner) -> None:
        self.owner = owner
        self._running: set[Running] = set()
        self._lock = threading.Lock()
        self._places = threading.BoundedSemaphore(_MAX_CLIENTS)
        self._queries = threading.BoundedSemaphore(owner.settings.door.queries)
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """A thread for each connection, while there are places."""
        if not self._places.acquire(blocking=False):
            request.setblocking(False)
            request.send(_refusal(f"door: {_MAX_CLIENTS} clients are being answered, try again"))
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._places.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    @contextlib.contextmanager
    def query(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor for one query, when there is room for one more.

        Raises:
            StoreError: there is none within the time that a query may take.
        """
        limits = self.owner.settings.door
        if not self._queries.acquire(timeout=limits.timeout_s):
            raise StoreError(f"query: {limits.queries} others are running, try again")
        try:
            with self.cursor() as cursor:
                yield cursor
        finally:
            self._queries.release()

    @contextlib.contextmanager
    def cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with closing(self.owner.connection.cursor()) as cursor, self.running(cursor):
            yield cursor

    @contextlib.contextmanager
    def running(self, query: Running) -> Iterator[None]:
        """What is interrupted when the owner ends."""
        with self._lock:
            self._running.add(query)
        try:
            yield
        finally:
            with self._lock:
                self._running.discard(query)

    def end_queries(self) -> None:
        """Interrupts what runs, and waits for a moment until it is told so."""
        until = time.monotonic() + _END_S
        while self._running and time.monotonic() < until:
            with self._lock:
                for query in self._running:
                    query.interrupt()
            time.sleep(0.02)

    def end_if_damaged(self, error: Exception) -> None:
        """Ends the owner where a request has come upon damage of the database: the next one rebuilds it."""
        if is_damage(error):
            self.owner.break_off(error)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no event."""


class _Handler(socketserver.StreamRequestHandler):
    server: _Server
    timeout = _PATIENCE_S

    def handle(self) -> None:
        payload = b""
        try:
            answer, payload = self._answer(self._request())
            line = _to_line({**answer, "bytes": len(payload)} if payload else answer)
        except (MemoryError, duckdb.OutOfMemoryException):
            line = _refusal("query: takes more memory than it may")
        except Exception as error:  # noqa: BLE001 (whatever a request does, the client is told)
            self.server.end_if_damaged(error)
            line = _refusal(" ".join(str(error).split()) or type(error).__name__)
        if (size := len(line) + len(payload)) > _MAX_ANSWER:
            line, payload = _refusal(f"answer: expected at most {_MAX_ANSWER:,} bytes, found {size:,}"), b""
        self.connection.settimeout(60)
        self.wfile.write(line)
        self.wfile.write(payload)

    def _request(self) -> dict[str, Any]:
        line = self.rfile.readline(_MAX_REQUEST + 1)
        if len(line) > _MAX_REQUEST or not line.endswith(b"\n"):
            raise StoreError(f"request: expected one line of at most {_MAX_REQUEST} bytes, found {len(line)}")
        request = orjson.loads(line)
        if not isinstance(request, dict):
            raise StoreError(f"request: expected an object, found {type(request).__name__}")
        return request

    def _answer(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        kind = request.get("request")
        answers = {
            "status": self._status,
            "query": self._query,
            "round": self._round,
            "export": self._export,
            "republish": self._republish,
            "backup": self._backup,
            "doctor": self._doctor,
        }
        if kind not in answers:
            raise StoreError(f"request: expected one of {', '.join(answers)}, found {kind!r}")
        return answers[kind](request)

    def _status(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        """A database that answers no more has its reason among those of ``not_ready``."""
        status = self.server.owner.status()
        tables, journal, missing = [], [], []
        try:
            with self.server.cursor() as cursor:
                tables = [vars(table) for table in table_status(cursor)]
                journal = [vars(each) | {"gaps": each.gaps} for each in certificates(cursor)]
                missing = [str(gap) for gap in gaps(cursor, self.server.owner.home)]
        except duckdb.Error as error:
            self.server.end_if_damaged(error)
        return {"ok": True, **status, "tables": tables, "journal": journal, "gaps": missing}, b""

    def _doctor(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        return {"ok": True, "checks": [check.as_json() for check in examine_owner(self.server.owner)]}, b""

    def _query(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        limits = self.server.owner.settings.door
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
        with self.server.query() as cursor:
            set_clocks(cursor, as_of=_instant(request.get("as_of")), known_seq=request.get("known_seq"))
            cursor.execute("set variable configured = ?", [self.server.owner.settings.configured])
            statement = one_select(str(request["sql"]), relation_names(cursor))
            cursor.execute("begin transaction read only")
            with _ended(cursor, self.connection, limits.timeout_s):
                result = cursor.execute(statement)
                if request.get("format") == "arrow":
                    stream, is_cut = arrow_stream(result, limits.max_rows)
                    return {"ok": True, "is_cut": is_cut}, stream
                return {"ok": True, **_rows_of(result, limits.max_rows)}, b""

    def _round(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        settings = self.server.owner.settings
        limits = settings.door
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
        queries = [str(query) for query in request["queries"]]
        if len(queries) > _MAX_QUERIES:
            raise StoreError(f"round: expected at most {_MAX_QUERIES} queries, found {len(queries)}")
        as_of = _instant(request.get("as_of")) or datetime.now(UTC)
        known_seq, configured = request.get("known_seq"), settings.configured
        with self.server.query() as cursor:
            relations = relation_names(cursor)
            with (
                open_round(cursor, as_of=as_of, known_seq=known_seq, configured=configured) as reading,
                self.server.running(reading),
                _ended(reading, self.connection, limits.timeout_s),
            ):
                results = (reading.answer(one_select(query, relations)) for query in queries)
                answers = [_rows_of(result, limits.max_rows) for result in results]
        return {"ok": True, "answers": answers}, b""

    def _export(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        owner = self.server.owner
        files = [state_file(name) for name in request["files"]]
        folder = Path(request["out"])
        with self.server.cursor() as cursor:
            newest = newest_event(cursor) if request.get("as_of") == "newest" else None
        given = newest or _instant(None if request.get("as_of") == "newest" else request.get("as_of"))
        is_own = folder.resolve() == (owner.home / "logs" / "state").resolve()
        with owner.publishing if is_own else contextlib.nullcontext():
            as_of = given or owner.clock.now()
            with open_round(owner.connection, as_of=as_of, configured=owner.settings.configured) as reading:
                paths = publish(reading, folder, files) if files else write_logs(reading, folder)
        return {"ok": True, "as_of": as_of.isoformat(), "paths": [str(path) for path in paths]}, b""

    def _republish(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        with self.server.cursor() as cursor:
            path = republish(cursor, int(request["export_id"]), Path(request["out"]))
        return {"ok": True, "path": str(path)}, b""

    def _backup(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        return {"ok": True, "path": str(self.server.owner.back_up(Path(request["to"])))}, b""


def _rows_of(result: duckdb.DuckDBPyConnection, max_rows: int) -> dict[str, Any]:
    columns = [column[0] for column in result.description or ()]
    types = [str(column[1]) for column in result.description or ()]
    rows = result.fetchmany(max_rows + 1)
    return {"columns": columns, "types": types, "rows": rows[:max_rows], "is_cut": len(rows) > max_rows}


def _refusal(error: str) -> bytes:
    return _to_line({"ok": False, "error": error})


def _to_line(answer: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(answer, default=_plain, option=_OPTIONS)
    except TypeError:  # whole numbers beyond 64 bits
        return f"{json.dumps(answer, default=_plain)}\n".encode()


def _plain(value: object) -> float | str:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return float(value) if isinstance(value, Decimal) else str(value)


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


@contextlib.contextmanager
def _ended(query: Running, peer: socket.socket, seconds: float) -> Iterator[None]:
    """Ends what runs after so long, or as soon as the peer has hung up; half a close is none.

    Raises:
        TimedOut: it took too long, or the owner stops.
        HungUp: nobody waits for it.
    """
    done, over = os.pipe()
    reasons: list[StoreError] = []
    watch = threading.Thread(target=_watch, args=(query, peer, done, seconds, reasons), name="query", daemon=True)
    try:
        watch.start()
        yield
    except duckdb.InterruptException:
        raise (reasons or [TimedOut("query: the owner stops")])[0] from None
    finally:
        os.close(over)
        if watch.ident is not None:
            watch.join()
        os.close(done)


def _watch(query: Running, peer: socket.socket, done: int, seconds: float, reasons: list[StoreError]) -> None:
    """Until the other end of the pipe ``done`` is closed."""
    poll = select.poll()
    poll.register(done, select.POLLIN)
    poll.register(peer, 0)
    seen = {fd for fd, _ in poll.poll(seconds * 1e3)}
    if done in seen:
        return
    reasons.append(HungUp("query: the client hung up") if seen else TimedOut(f"query: ended after {seconds:g} s"))
    poll.unregister(peer)
    while not poll.poll(_AGAIN_S * 1e3):
        query.interrupt()
