"""The door: a Unix socket of the owner for queries of other processes, because only the owner may open the file.

Protocol: one request per connection, a JSON object in one line of at most 1 MB; the answer is one line of JSON,
``{"ok": true, ..}`` or ``{"ok": false, "error": ".."}``; with ``place``, a line of the SQL with a caret below it, if
the error is in the SQL. Requests:

- ``{"request": "status"}``
- ``{"request": "doctor", "deep": true|false}``: every check of the home
- ``{"request": "query", "sql": .., "as_of": .., "known_seq": ..}``: one select, read-only, within the limits of
  ``tape.owner.query_limits``. The answer has at most ``[door] max_rows`` rows, with ``columns`` and their ``types``;
  ``is_cut``: there are more rows
- ``{"request": "stream", "sql": .., "as_of": .., "known_seq": .., "format": "rows"|"arrow"}``: every row of one select,
  sent while it is computed. The first line has ``columns`` and ``types``. Parts follow, each a line ``{"bytes": n}``
  and then n bytes: a JSON list of rows, or the next piece of one Arrow IPC stream. The last line says
  ``{"ok": true, "rows": n}``; a stream without that line is incomplete
- ``{"request": "round", "queries": [..], "as_of": .., "known_seq": ..}``: several selects on one state of the store,
  with shared views computed once, within the limits of one query; ``answers`` has an answer per query
- ``{"request": "export", "as_of": .., "files": [..], "out": .., "take_over": ..}``; no files: the six JSONL logs
- ``{"request": "republish", "export_id": .., "out": ..}``
- ``{"request": "backup", "to": ..}``

Only the owner's user can use the socket (mode 0600). The number of clients served at once is limited; clients that are
too slow to send a request or to read the answer are disconnected.
"""

from __future__ import annotations

import contextlib
import json
import os
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import duckdb
import orjson

from tape.client.json_values import plain
from tape.client.owner_socket import refuse_foreign_socket, short_name
from tape.doctor.examine import examine_served
from tape.doctor.home import Home
from tape.exporters.contract import state_file
from tape.exporters.home_files import adopt, take_over
from tape.exporters.mirrors.lines import write_logs
from tape.exporters.publisher import republish
from tape.exporters.state_files import publish
from tape.owner.live import Live
from tape.owner.query_limits import Queries
from tape.owner.status import status_of
from tape.store.database import closing, is_damage, is_fatal, set_clocks
from tape.store.errors import QueryFailed, StoreError
from tape.store.home import Layout
from tape.store.ingest.gaps import gaps
from tape.store.ingest.positions import certificates
from tape.store.query.guard import FETCHED, arrow_parts, one_select, row_parts
from tape.store.query.round import open_round, planned_in_round
from tape.store.status import newest_event, relation_names, table_status

_MAX_REQUEST = 1024 * 1024
_RECEIVED = 64 * 1024
_OPTIONS = orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS | orjson.OPT_UTC_Z
_MAX_CLIENTS = 32
"""Connections at a time; one more is told to come back."""
_MAX_QUERIES = 200
"""Of a round."""
_MAX_ANSWER = 64 * 1024 * 1024
_PATIENCE_S = 5.0
"""How long a client may take to say what it wants."""
_PART = 128 * 1024
"""Bytes of a part of a stream, about: small enough to be sent at once to a client that reads."""


class Door:
    """Serves the socket of a home during the block."""

    def __init__(self, live: Live) -> None:
        self._path = Layout(live.home).socket
        refuse_foreign_socket(live.home)
        self._path.unlink(missing_ok=True)
        with short_name(self._path) as address:
            # The socket has its mode from its first moment. A chmod after the bind would leave it open to others for an
            # instant.
            before = os.umask(0o177)
            try:
                self._server = _Server(address, live)
            finally:
                os.umask(before)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="door", daemon=True)

    @property
    def queries(self) -> Queries:
        return self._server.queries

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # In this order: no new request, then an end of those under way, then the socket.
        self._server.shutdown()
        self._server.queries.close()
        self._server.server_close()
        self._path.unlink(missing_ok=True)


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: str, live: Live) -> None:
        self.live = live
        self.queries = Queries(live.connection, live.settings)
        self.exporting = threading.Lock()
        """Held by who makes files, which takes much memory: one at a time."""
        self._places = threading.BoundedSemaphore(_MAX_CLIENTS)
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Start a thread for each connection, up to the limit."""
        if not self._places.acquire(blocking=False):
            # Said without waiting: a client that does not read must not hold up the one thread that accepts.
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
    def cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with closing(self.live.connection.cursor()) as cursor:
            yield cursor

    def end_if_lost(self, error: Exception) -> None:
        """End the owner if a request met damage, or made the database unusable.

        An internal error of planning leaves the database usable, so a query checks it.
        """
        if is_damage(error) or (is_fatal(error) and not self._answers()):
            self.live.break_off(error)

    def _answers(self) -> bool:
        try:
            with self.cursor() as cursor:
                cursor.execute("select 1").fetchall()
        except duckdb.Error as error:
            return not is_fatal(error)
        return True

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore clients that went away."""


class _Handler(socketserver.BaseRequestHandler):
    server: _Server

    def handle(self) -> None:
        try:
            line = _to_line(self._answer(self._request()))
        except ConnectionError:  # nobody is there to be told
            return
        except (MemoryError, duckdb.OutOfMemoryException):
            line = _refusal("query: takes more memory than it may")
        except Exception as error:  # noqa: BLE001 (whatever a request does, the client is told)
            self.server.end_if_lost(error)
            line = _refusal_of(error)
        # Asked of the finished line: how long an answer is in JSON nobody knows from its rows.
        if (size := len(line)) > _MAX_ANSWER:
            line = _refusal(f"answer: expected at most {_MAX_ANSWER:,} bytes, found {size:,}")
        self.request.settimeout(self.server.live.settings.door.timeout_s)
        self.request.sendall(line)

    def _request(self) -> dict[str, Any]:
        request = orjson.loads(self._line())
        if not isinstance(request, dict):
            raise StoreError(f"request: expected an object, found {type(request).__name__}")
        return request

    def _line(self) -> bytes:
        """Read the request; the time limit covers all of it."""
        line, until = bytearray(), time.monotonic() + _PATIENCE_S
        # Only in what came last: looking through all of a megabyte with each piece would take quadratic time.
        while b"\n" not in line[-_RECEIVED:] and len(line) <= _MAX_REQUEST:
            # The time is for the whole line: a client that sends a byte a second would else stay for ever.
            self.request.settimeout(max(0.001, until - time.monotonic()))
            try:
                more = self.request.recv(_RECEIVED)
            except TimeoutError:
                raise StoreError(
                    f"request: expected one line within {_PATIENCE_S:g} s, found {len(line)} bytes"
                ) from None
            if not more:
                break
            line += more
        whole, newline, _ = bytes(line).partition(b"\n")
        if len(whole) > _MAX_REQUEST or not newline:
            raise StoreError(f"request: expected one line of at most {_MAX_REQUEST} bytes, found {len(line)}")
        return whole

    def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        kind = request.get("request")
        answers = {
            "status": self._status,
            "query": self._query,
            "stream": self._stream,
            "round": self._round,
            "export": self._export,
            "republish": self._republish,
            "backup": self._backup,
            "doctor": self._doctor,
        }
        if kind not in answers:
            raise StoreError(f"request: expected one of {', '.join(answers)}, found {kind!r}")
        return answers[kind](request)

    def _status(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer with the status; a database that does not answer is named among the reasons of ``not_ready``."""
        status = status_of(self.server.live)
        tables, journal, missing = [], [], []
        try:
            with self.server.cursor() as cursor:
                tables = [vars(table) for table in table_status(cursor, datetime.now(UTC))]
                journal = [vars(each) | {"gaps": each.gaps} for each in certificates(cursor)]
                missing = [str(gap) for gap in gaps(cursor, self.server.live.home)]
        except duckdb.Error as error:
            self.server.end_if_lost(error)
        return {"ok": True, **status, "tables": tables, "journal": journal, "gaps": missing}

    def _doctor(self, request: dict[str, Any]) -> dict[str, Any]:
        live, status = self.server.live, status_of(self.server.live)
        publications = tuple(live.publisher.publications)
        home = Home(live.home, live.settings, live.connection, publications, live.publisher.latest, status)
        checks = examine_served(home, status, is_deep=request.get("deep") is True)
        return {"ok": True, "checks": [check.as_json() for check in checks]}

    def _query(self, request: dict[str, Any]) -> dict[str, Any]:
        asked = _Asked.of(request)
        if (output := request.get("format", "rows")) != "rows":
            raise StoreError(f"request: format: expected rows, or the request stream, found {output!r:.60}")
        with self.server.queries.run(self.request, self.server.cursor()) as cursor:
            answer, _ = _rows_of(self._executed(cursor, asked), self.server.live.settings.door.max_rows, _MAX_ANSWER)
            return {"ok": True, **answer}

    def _stream(self, request: dict[str, Any]) -> dict[str, Any]:
        """Send a stream without its last line."""
        asked, output, count = _Asked.of(request), _said(request, "format", str, "rows"), 0
        if output not in _PARTS:
            raise StoreError(f"request: format: expected one of {', '.join(_PARTS)}, found {output!r:.60}")
        with self.server.queries.stream(self.request, self.server.cursor()) as (cursor, send):
            result = self._executed(cursor, asked)
            send(_to_line({"ok": True, **_described(result)}))
            for part, rows in _PARTS[output](result):
                send(b'{"bytes":%d}\n%b' % (len(part), part))
                count += rows
        return {"ok": True, "rows": count}

    def _executed(self, cursor: duckdb.DuckDBPyConnection, asked: _Asked) -> duckdb.DuckDBPyConnection:
        set_clocks(cursor, as_of=asked.as_of, known_seq=asked.known_seq)
        cursor.execute("set variable configured = ?", [self.server.live.settings.configured])
        statement = one_select(asked.sql, relation_names(cursor))
        cursor.execute("begin transaction read only")
        return cursor.execute(statement)

    def _round(self, request: dict[str, Any]) -> dict[str, Any]:
        queries = [str(query) for query in _said(request, "queries", list)]
        if len(queries) > _MAX_QUERIES:
            raise StoreError(f"round: expected at most {_MAX_QUERIES} queries, found {len(queries)}")
        as_of, known_seq = _clocks(request)
        live = self.server.live
        opened = open_round(
            live.connection,
            as_of=as_of or datetime.now(UTC),
            known_seq=known_seq,
            configured=live.settings.configured,
        )
        answers, room = [], _MAX_ANSWER
        with self.server.queries.run(self.request, opened) as reading, self.server.cursor() as cursor:
            relations = relation_names(cursor)
            for query in queries:
                result = reading.answer(one_select(query, relations, planned_in_round))
                answer, room = _rows_of(result, live.settings.door.max_rows, room)
                answers.append(answer)
        return {"ok": True, "answers": answers}

    def _export(self, request: dict[str, Any]) -> dict[str, Any]:
        live = self.server.live
        files = [state_file(name) for name in dict.fromkeys(map(str, _said(request, "files", list)))]
        folder = Path(_said(request, "out", str))
        with self.server.cursor() as cursor:
            newest = newest_event(cursor, datetime.now(UTC)) if request.get("as_of") == "newest" else None
        given = newest or _instant(None if request.get("as_of") == "newest" else _said(request, "as_of", str, None))
        places = Layout(live.home)
        if given is not None:
            _refuse_own("export as of an instant", folder, places.state)
        if not files:
            _refuse_own("export of the logs", folder, places.logs)
        is_own = folder.resolve() == places.state.resolve()
        with self.server.exporting, live.publishing if is_own else contextlib.nullcontext():
            as_of = given or live.clock.now()
            with open_round(live.connection, as_of=as_of, configured=live.settings.configured) as reading:
                adopt(live.own, live.connection, folder, files)
                if request.get("take_over") is True:
                    take_over(live.own, folder, files)
                write = partial(publish, files=files) if files else write_logs
                paths = write(reading, folder, own=live.own)
        return {"ok": True, "as_of": as_of.isoformat(), "paths": [str(path) for path in paths]}

    def _republish(self, request: dict[str, Any]) -> dict[str, Any]:
        export_id, folder = _said(request, "export_id", int), Path(_said(request, "out", str))
        _refuse_own("export as published", folder, Layout(self.server.live.home).state)
        with self.server.exporting, self.server.cursor() as cursor:
            path = republish(cursor, export_id, folder, own=self.server.live.own)
        return {"ok": True, "path": str(path)}

    def _backup(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"ok": True, "path": str(self.server.live.housekeeping.back_up(Path(_said(request, "to", str))))}


class _Asked(NamedTuple):
    """One select, and its clocks."""

    sql: str
    as_of: datetime | None
    known_seq: int | None

    @classmethod
    def of(cls, request: dict[str, Any]) -> _Asked:
        return cls(_said(request, "sql", str), *_clocks(request))


def _refuse_own(what: str, folder: Path, own: Path) -> None:
    """Refuse to export older content over files that the owner keeps current.

    Raises:
        StoreError: the export would do so.
    """
    if folder.resolve() == own.resolve():
        raise StoreError(f"{what}: expected a folder of its own (--out), found {own}, which the running owner keeps")


def _said(request: dict[str, Any], name: str, kind: type, *default: Any) -> Any:
    """Return the value of a request's key.

    Raises:
        StoreError: the key is missing and has no default, or its value has the wrong type.
    """
    value = request.get(name, *default)
    if (isinstance(value, kind) and not isinstance(value, bool)) or (default and value is default[0]):
        return value
    found = "nothing" if value is None else f"{value!r:.60}"
    raise StoreError(f"request: {name}: expected {_KINDS[kind]}, found {found}")


_KINDS = {str: "text", int: "a whole number", list: "a list"}


def _clocks(request: dict[str, Any]) -> tuple[datetime | None, int | None]:
    return _instant(_said(request, "as_of", str, None)), _said(request, "known_seq", int, None)


def _rows_of(result: duckdb.DuckDBPyConnection, max_rows: int, room: int) -> tuple[dict[str, Any], int]:
    """Return at most ``max_rows`` rows as JSON, converted in small steps, and the bytes of ``room`` that are left.

    Raises:
        StoreError: the rows are larger than ``room``.
    """
    parts: list[bytes] = []
    count = 0
    while count <= max_rows and (fetched := result.fetchmany(min(FETCHED, max_rows + 1 - count))):
        count += len(fetched)
        if kept := fetched[: len(fetched) - (count > max_rows)]:
            parts.append(_inner_json(kept))
            room -= len(parts[-1])
        if room < 0:
            raise StoreError(f"answer: expected at most {_MAX_ANSWER:,} bytes, found more")
    rows = orjson.Fragment(b"[" + b",".join(parts) + b"]")
    return {**_described(result), "rows": rows, "is_cut": count > max_rows}, room


def _json_parts(result: duckdb.DuckDBPyConnection) -> Iterator[tuple[bytes, int]]:
    """Yield the rows in JSON lists, each with its number of rows."""
    parts: list[bytes] = []
    size = count = 0
    for rows in row_parts(result):
        parts.append(_inner_json(rows))
        size, count = size + len(parts[-1]), count + len(rows)
        if size >= _PART:
            yield b"[" + b",".join(parts) + b"]", count
            parts, size, count = [], 0, 0
    if parts:
        yield b"[" + b",".join(parts) + b"]", count


_PARTS: dict[str, Callable[[duckdb.DuckDBPyConnection], Iterator[tuple[bytes, int]]]] = {
    "rows": _json_parts,
    "arrow": arrow_parts,
}


def _described(result: duckdb.DuckDBPyConnection) -> dict[str, list[str]]:
    described = result.description or ()
    return {"columns": [column[0] for column in described], "types": [str(column[1]) for column in described]}


def _inner_json(rows: list[tuple[Any, ...]]) -> bytes:
    """Return a JSON list without its brackets."""
    return _to_line(rows)[1:-2]


def _refusal(error: str) -> bytes:
    return _to_line({"ok": False, "error": error})


def _refusal_of(error: Exception) -> bytes:
    told = QueryFailed.of(str(error)) if isinstance(error, duckdb.Error) else error
    words = " ".join(str(told).split()) or type(error).__name__
    place = told.place if isinstance(told, StoreError) else ""
    return _to_line({"ok": False, "error": words, **({"place": place} if place else {})})


def _to_line(answer: Any) -> bytes:
    try:
        return orjson.dumps(answer, default=plain, option=_OPTIONS)
    except TypeError:  # whole numbers beyond 64 bits
        return f"{json.dumps(answer, default=plain)}\n".encode()


def _instant(text: str | None) -> datetime | None:
    try:
        return None if text is None else datetime.fromisoformat(text)
    except ValueError:
        raise StoreError(f"request: as_of: expected an instant, found {text!r:.60}") from None
