"""Limits for all queries of the live database together, so that the owner never lacks memory or time.

Laws kept here:
- a limited number of queries runs at a time, each in a thread of lower priority;
- a query is ended when it takes too long or its client hangs up, and all queries are ended when they take too much
  memory together; queries are interrupted repeatedly, because an interrupt before a query has begun to run is lost;
- a result that is sent while it is computed (a stream) may take ``timeout_s`` per part and ``stream_s`` in all, and so
  may its transaction: while a transaction only reads, DuckDB can still truncate its log. A stream that runs longer than
  ``timeout_s`` gives its place to other queries; as many streams as there are places may do so, a further one is ended;
- a client that reads nothing of a stream for ``timeout_s`` is disconnected: if its output is read slowly, only the
  client itself waits;
- queries never reach the database's own ``memory_limit``, because DuckDB ends the process if a transaction cannot even
  be rolled back. While queries run, ``memory_limit`` is raised to the sum of the owner's share, the queries' share, and
  what queries may take until they are ended;
- while the owner needs the database alone (``alone``), no query runs: the owner's work comes first.

``memory_limit`` counts DuckDB's blocks, but neither the texts and lists that a query computes nor the Python objects
made of its rows. Therefore the memory of the whole process is watched. An interrupt takes effect between two vectors,
so ``tape.store.query.costs`` refuses calls whose result is much larger than the vector.
"""

from __future__ import annotations

import os
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Protocol, TypeVar

import duckdb

from tape.owner.memory import own_bytes
from tape.settings import Settings
from tape.store.database import bytes_of, is_fatal
from tape.store.errors import StoreError

_NICENESS = 10
_LOOK_S = 0.01
"""How often those that run are looked at."""
_WAIT_S = 0.1
_END_S = 0.4
"""How long a query may take to hear that the owner stops."""
_ALONE_S = 10.0
"""How long the owner waits for room: some functions end only when they are done."""
_TABLE_BLOCKS = "select sum(memory_usage_bytes)::bigint from duckdb_memory() where tag = 'BASE_TABLE'"


class QueryEnded(StoreError):
    """A query was ended before it was finished."""


class ClientStalled(ConnectionError):
    """A client stopped reading in the middle of a part, so no error can be sent to it."""


class Running(Protocol):
    """An object that can be interrupted: a cursor, a round."""

    def interrupt(self) -> None: ...


Runs = TypeVar("Runs", bound=Running)


class _Query:
    """A running query: its client, its start and time limit, what to interrupt, and the reason to end it."""

    def __init__(self, peer: socket.socket, begun: float, may_take_s: float) -> None:
        self.peer, self.begun, self.until = peer, begun, begun + may_take_s
        self.overdue = f"ended after {may_take_s:g} s"
        """Why it is to end at ``until``."""
        self.running: Running | None = None
        self.reason = ""
        self.is_long = False
        """A stream that has given its place to others."""


class Queries:
    """Limits the queries of an owner's clients."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, settings: Settings) -> None:
        self._limits = settings.door
        self._most_bytes = bytes_of(settings.door.memory)
        self._own_limit = settings.resources().memory_limit
        self._limit_with_queries = f"{bytes_of(self._own_limit) + self._most_bytes * 3 // 2} bytes"
        self._meter = connection.cursor()
        self._gate = threading.Condition()
        self._running: set[_Query] = set()
        self._had_bytes = 0
        """What the process had when none ran."""
        self._alone = 0
        self._is_closed = False
        threading.Thread(target=self._watch, name="queries", daemon=True).start()

    @contextmanager
    def run(self, peer: socket.socket, opened: AbstractContextManager[Runs]) -> Iterator[Runs]:
        """Open a cursor or a round when there is a place for one more query; work in the block may be interrupted.

        Raises:
            QueryEnded: the query took too long or too much memory, its client hung up, or the owner stops.
            StoreError: no place became free within the time limit of a query.
        """
        with self._running_query(peer, opened) as (_, running):
            yield running

    @contextmanager
    def stream(
        self, peer: socket.socket, opened: AbstractContextManager[Runs]
    ) -> Iterator[tuple[Runs, Callable[[bytes], None]]]:
        """Like ``run``, for a result that is sent while it is computed; the second value is a function to send a part.

        Raises, beside what ``run`` does:
            ClientStalled: the client stopped reading.
        """
        with self._running_query(peer, opened) as (query, running):

            def send(part: bytes) -> None:
                self._send(query, part)
                self._goes_on(query)

            yield running, send

    @contextmanager
    def _running_query(
        self, peer: socket.socket, opened: AbstractContextManager[Runs]
    ) -> Iterator[tuple[_Query, Runs]]:
        # Of this thread alone, so that storing and publishing come first on a small machine.
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
        query = self._admit(peer)
        try:
            with opened as running, self._interrupting(query, running):
                yield query, running
        finally:
            with self._gate:
                self._running.discard(query)
                self._give_back()
                self._gate.notify_all()

    def _send(self, query: _Query, part: bytes) -> None:
        """Send a part whole: if the query is to end, the error comes after the part, not within it."""
        if query.reason:
            raise QueryEnded(f"query: {query.reason}")
        left, heard = memoryview(part), time.monotonic()
        query.peer.settimeout(_WAIT_S)
        while left:
            try:
                # Piece by piece, with a look at the time in between: a large send would wait for a client that has
                # stopped reading.
                left = left[query.peer.send(left) :]
                heard = time.monotonic()
            except TimeoutError:
                if query.reason or time.monotonic() - heard > self._limits.timeout_s:
                    raise ClientStalled(f"query: {len(left)} bytes of a part are not read") from None

    def _goes_on(self, query: _Query) -> None:
        """Give a stream time for its next part, and its place to other queries once it runs long."""
        now, limits = time.monotonic(), self._limits
        with self._gate:
            # A stream may take minutes because its reader does. It must not keep short queries from their places
            # meanwhile.
            if now - query.begun > limits.timeout_s and not query.is_long:
                if sum(each.is_long for each in self._running) >= limits.queries:
                    query.reason = query.reason or f"{limits.queries} long ones are being read, try again"
                query.is_long = True
                self._gate.notify_all()
            query.until, query.overdue = now + limits.timeout_s, f"ended after {limits.timeout_s:g} s without a row"
            if query.until > query.begun + limits.stream_s:
                query.until = query.begun + limits.stream_s
                query.overdue = f"ended after {limits.stream_s:g} s: no result is read longer ([door] stream_s)"

    @contextmanager
    def alone(self) -> Iterator[None]:
        """End all running queries, and let none begin before the end of the block."""
        with self._gate:
            self._alone += 1
            # The owner's own step failed for want of memory. Queries can be asked again, a step of the owner cannot
            # wait.
            self._end("memory is short, try again")
            self._gate.wait_for(lambda: not self._running, _ALONE_S)
        try:
            yield
        finally:
            with self._gate:
                self._alone -= 1
                self._gate.notify_all()

    def end(self) -> None:
        """End all running queries without waiting; from now on none begins."""
        with self._gate:
            self._is_closed = True
            self._end("the owner stops")
            self._gate.notify_all()

    def close(self) -> None:
        """End all running queries, and wait a moment until their clients are told."""
        self.end()
        with self._gate:
            self._gate.wait_for(lambda: not self._running, _END_S)

    def _admit(self, peer: socket.socket) -> _Query:
        patience = time.monotonic() + self._limits.timeout_s
        with self._gate:
            while full := self._full():
                if self._is_closed or time.monotonic() > patience:
                    raise StoreError(f"query: {full}, try again")
                self._gate.wait(_WAIT_S)
            if not self._running:
                self._meter.execute(f"set memory_limit = '{self._limit_with_queries}'")
            query = _Query(peer, time.monotonic(), self._limits.timeout_s)
            self._running.add(query)
            self._gate.notify_all()
        return query

    def _full(self) -> str:
        """Return why no query may begin now; empty if one may."""
        if self._is_closed:
            return "the owner stops"
        # Measured while none runs: what has grown since is what queries take.
        if not self._running:
            self._had_bytes = own_bytes()
        if self._alone or self._takes_too_much():
            return "memory is short"
        with_place = sum(not each.is_long for each in self._running)
        return f"{self._limits.queries} others are running" if with_place >= self._limits.queries else ""

    @contextmanager
    def _interrupting(self, query: _Query, running: Running) -> Iterator[None]:
        with self._gate:
            query.running = running
        try:
            yield
        except Exception as error:
            # Arrow wraps what DuckDB raises at an interrupt
            if not query.reason or isinstance(error, (ConnectionError, StoreError)) or is_fatal(error):
                raise
            raise QueryEnded(f"query: {query.reason}") from None
        finally:
            with self._gate:
                query.running = None

    def _end(self, reason: str) -> None:
        for query in self._running:
            query.reason = query.reason or reason

    def _watch(self) -> None:
        while True:
            with self._gate:
                self._gate.wait_for(lambda: self._running or self._is_closed)
                if not self._running:
                    return
                peers = {query.peer.fileno(): query for query in self._running if not query.reason}
            # Outside of the lock: it waits a moment, and queries must be able to begin and end meanwhile.
            gone = _hung_up(peers)
            with self._gate:
                self._look(peers, gone)

    def _look(self, peers: dict[int, _Query], gone: set[int]) -> None:
        now, short = time.monotonic(), self._takes_too_much()
        for place, query in peers.items():
            if place in gone:
                query.reason = query.reason or "the client hung up"
            elif now > query.until:
                query.reason = query.reason or query.overdue
            elif short:
                query.reason = query.reason or "takes more memory than it may"
        for query in self._running:
            if query.reason and query.running is not None:
                # Again with every look: an interrupt that comes before the query has begun to run is lost.
                query.running.interrupt()

    def _grown_bytes(self) -> int:
        return own_bytes() - self._had_bytes

    def _takes_too_much(self) -> bool:
        """Return whether queries took more memory than allowed since none ran; cached blocks of tables do not count."""
        # Cheap first: only what looks too much is looked at closely, which takes a query of its own.
        grown = self._grown_bytes()
        if grown <= self._most_bytes:
            return False
        try:
            ((kept,),) = self._meter.execute(_TABLE_BLOCKS).fetchall()
        except (MemoryError, duckdb.OutOfMemoryException):
            return True
        return grown - int(kept) > self._most_bytes

    def _give_back(self) -> None:
        """Return memory to the machine when no query runs: the allocator frees it when the limit is set.

        If the owner itself uses more than its limit just now, the limit stays until the next query has ended.
        """
        if not self._running:
            with suppress(duckdb.OutOfMemoryException):
                self._meter.execute(f"set memory_limit = '{self._own_limit}'")


def _hung_up(peers: dict[int, _Query]) -> set[int]:
    """Return the clients that closed the connection; one that only shut its sending side is still connected."""
    poll = select.poll()
    for place in peers:
        poll.register(place, 0)
    return {place for place, _ in poll.poll(_LOOK_S * 1e3)}
