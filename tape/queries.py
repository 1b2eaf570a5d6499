"""What queries of the live database may take together, so that the owner beside them lacks nothing.

Laws kept here:
- so many run at a time, each in a thread of lower priority that was made at the start: where memory is short no thread
  can be made, and Python waits for it for ever;
- one is ended when it takes too long or its client hangs up, all are when they take too much memory together: they are
  interrupted again and again, because an interrupt that comes before a query has begun to run is lost;
- the database's own ``memory_limit`` is never reached by them: where a transaction cannot even be rolled back, DuckDB
  ends the process. It is what the owner may have, what they may have, and what they may get until they are ended;
- while the owner is alone, none runs: what it does itself comes first.
"""

from __future__ import annotations

import os
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from queue import SimpleQueue
from typing import Any

import duckdb

from store.database import bytes_of, closing
from store.errors import StoreError
from tape.memory import MemoryBound
from tape.settings import Settings

_NICENESS = 10
_LOOK_S = 0.01
"""How often those that run are looked at."""
_WAIT_S = 0.1
_LITTLE = 32 * 1024 * 1024
_END_S = 0.4
"""How long a query may take to hear that the owner stops."""
_ALONE_S = 10.0
"""How long the owner waits for room: some functions end only when they are done."""


_TABLE_BLOCKS = "select sum(memory_usage_bytes)::bigint from duckdb_memory() where tag = 'BASE_TABLE'"


class QueryEnded(StoreError):
    """A query was ended before it was done."""


class _Query:
    """One that runs: what it does with its cursor, for whom, until when, and why it is to end."""

    def __init__(self, do: Callable[[duckdb.DuckDBPyConnection], Any], peer: socket.socket, until: float) -> None:
        self.do, self.peer, self.until = do, peer, until
        self.cursor: duckdb.DuckDBPyConnection | None = None
        self.reason = ""
        self.result: Future[Any] = Future()


class Queries:
    """Runs the queries of an owner's clients."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, settings: Settings, bound: MemoryBound) -> None:
        self._connection = connection
        self._limits = settings.door
        self._memory_limits = (settings.resources().memory_limit, settings.owner_resources().memory_limit)
        self._bound = bound
        self._meter = connection.cursor()
        self._gate = threading.Condition()
        self._running: set[_Query] = set()
        self._alone = 0
        self._is_closed = False
        self._taken: SimpleQueue[_Query | None] = SimpleQueue()
        todo = [self._work] * self._limits.queries + [self._watch]
        for each in todo:
            threading.Thread(target=each, name="query", daemon=True).start()

    def run(self, peer: socket.socket, do: Callable[[duckdb.DuckDBPyConnection], Any]) -> Any:
        """What ``do`` makes of a cursor, when there is room for one more query.

        Raises:
            QueryEnded: it took too long or too much, its client hung up, or the owner stops.
            StoreError: there is no room within the time that a query may take.
        """
        patience = time.monotonic() + self._limits.timeout_s
        with self._gate:
            while full := self._full():
                if time.monotonic() > patience:
                    raise StoreError(f"query: {full}, try again")
                self._gate.wait(_WAIT_S)
            query = _Query(do, peer, time.monotonic() + self._limits.timeout_s)
            self._running.add(query)
            self._taken.put(query)
            self._gate.notify_all()
        return query.result.result()

    def _full(self) -> str:
        """Why none may begin now, empty when one may."""
        if self._is_closed:
            return "the owner stops"
        if not self._running:
            self._bound.mark()
        if self._alone or self._takes_too_much():
            return "memory is short"
        return f"{self._limits.queries} others are running" if len(self._running) >= self._limits.queries else ""

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Ends what runs, and lets nothing begin before the end of the block."""
        with self._gate:
            self._alone += 1
            self._end("memory is short, try again")
            self._gate.wait_for(lambda: not self._running, _ALONE_S)
        try:
            yield
        finally:
            with self._gate:
                self._alone -= 1
                self._gate.notify_all()

    def close(self) -> None:
        """Ends what runs, and waits for a moment until it is told so."""
        with self._gate:
            self._is_closed = True
            self._end("the owner stops")
            self._gate.notify_all()
            self._gate.wait_for(lambda: not self._running, _END_S)
        for _ in range(self._limits.queries):
            self._taken.put(None)

    def _end(self, reason: str) -> None:
        for query in self._running:
            query.reason = query.reason or reason

    def _work(self) -> None:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
        while (query := self._taken.get()) is not None:
            found: Any = None
            error: BaseException | None = None
            try:
                found = self._do(query)
            except BaseException as caught:  # noqa: BLE001 (raised where it is waited for)
                error = caught
            with self._gate:
                self._running.discard(query)
                self._give_back()
                self._gate.notify_all()
            if error is None:
                query.result.set_result(found)
            else:
                query.result.set_exception(error)
            del query, found, error  # what they hold is large

    def _do(self, query: _Query) -> Any:
        with closing(self._connection.cursor()) as cursor:
            query.cursor = cursor
            try:
                return query.do(cursor)
            except duckdb.InterruptException:
                raise QueryEnded(f"query: {query.reason}") from None
            except (MemoryError, duckdb.OutOfMemoryException):
                raise QueryEnded("query: takes more memory than it may") from None
            finally:
                with self._gate:
                    query.cursor = None

    def _watch(self) -> None:
        while True:
            with self._gate:
                self._gate.wait_for(lambda: self._running or self._is_closed)
                if self._is_closed and not self._running:
                    return
                peers = {query.peer.fileno(): query for query in self._running if not query.reason}
            self._look(peers, _hung_up(peers))

    def _takes_too_much(self) -> bool:
        """Whether more was taken since none ran than all may have; blocks of tables that were read do not count."""
        most, grown = bytes_of(self._limits.memory), self._bound.grown()
        if grown <= most:
            return False
        try:
            ((kept,),) = self._meter.execute(_TABLE_BLOCKS).fetchall()
        except (MemoryError, duckdb.OutOfMemoryException):
            return True
        return grown - int(kept) > most

    def _give_back(self) -> None:
        """Once none runs, the machine gets back what they took: the allocator lets go of it when the limit is set."""
        if self._running or self._bound.grown() < _LITTLE:
            return
        with suppress(duckdb.OutOfMemoryException):
            for limit in self._memory_limits:
                self._meter.execute(f"set memory_limit = '{limit}'")

    def _look(self, seen: dict[int, _Query], gone: set[int]) -> None:
        now = time.monotonic()
        with self._gate:
            short = self._takes_too_much()
            for place, query in seen.items():
                if place in gone:
                    query.reason = query.reason or "the client hung up"
                elif now > query.until:
                    query.reason = query.reason or f"ended after {self._limits.timeout_s:g} s"
                elif short:
                    query.reason = query.reason or "takes more memory than it may"
            for query in self._running:
                if query.reason and query.cursor is not None:
                    query.cursor.interrupt()


def _hung_up(peers: dict[int, _Query]) -> set[int]:
    """Which of them are gone after a moment; one that only says no more is none."""
    poll = select.poll()
    for place in peers:
        poll.register(place, 0)
    return {place for place, _ in poll.poll(_LOOK_S * 1e3)}
