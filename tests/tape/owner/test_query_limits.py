"""Queries run so many at a time, and are ended when they must: each says why."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from tape.owner.query_limits import Queries
from tape.sections import DoorSettings
from tape.settings import Settings
from tape.store.database import open_database
from tape.store.errors import StoreError

RUNAWAY = "select count(*) from range(10000000) as a (x), range(10000000) as b (x) where a.x + b.x = -1"


class Client:
    """Asks one query in a thread of its own."""

    def __init__(self, queries: Queries, connection: duckdb.DuckDBPyConnection, sql: str) -> None:
        self.near, self.far = socket.socketpair()
        self.told = ""
        self.runs = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(queries, connection, sql), daemon=True)
        self._thread.start()

    def _run(self, queries: Queries, connection: duckdb.DuckDBPyConnection, sql: str) -> None:
        try:
            with queries.run(self.far, closing(connection.cursor())) as cursor:
                self.runs.set()
                cursor.execute(sql).fetchall()
                self.told = "answered"
        except (StoreError, duckdb.Error) as error:
            self.told = str(error)

    def heard(self) -> str:
        self._thread.join(60)
        return self.told


class Store:
    """A database, the queries of it, and their clients, which are gone with the test."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection
        self.queries = self.limited()
        self.clients: list[Client] = []

    def limited(self, **limits: object) -> Queries:
        settings = Settings(door=DoorSettings.model_validate({"timeout_s": 60, **limits}))
        self.queries = Queries(self.connection, settings)
        return self.queries

    def asks(self, sql: str = RUNAWAY) -> Client:
        self.clients.append(Client(self.queries, self.connection, sql))
        return self.clients[-1]

    def runs(self) -> Client:
        """A runaway query that has begun."""
        client = self.asks()
        assert client.runs.wait(60)
        return client


@pytest.fixture
def store(empty_database: Path) -> Iterator[Store]:
    with closing(open_database(empty_database)) as connection:
        made = Store(connection)
        yield made
        for client in made.clients:
            client.near.close()
            client.heard()
            client.far.close()


def test_one_is_ended_after_its_time(store: Store) -> None:
    store.limited(timeout_s=0.3)
    assert store.asks().heard() == "query: ended after 0.3 s"


def test_one_is_ended_when_its_client_hangs_up_and_not_when_that_says_no_more(store: Store) -> None:
    client = store.runs()
    client.near.shutdown(socket.SHUT_WR)
    time.sleep(0.2)
    assert client.told == ""
    client.near.close()
    assert client.heard() == "query: the client hung up"


def test_one_more_than_may_run_waits_for_a_place(store: Store) -> None:
    store.limited(queries=1)
    first, second = store.runs(), store.asks("select 1")
    time.sleep(0.2)
    assert second.told == ""
    first.near.close()
    assert second.heard() == "answered"


def test_one_that_gets_no_place_in_the_time_that_one_may_take_is_told(store: Store) -> None:
    queries = store.limited(queries=1, timeout_s=0.3)
    near, far = socket.socketpair()
    with near, far, queries.run(far, closing(store.connection.cursor())):
        assert store.asks("select 1").heard() == "query: 1 others are running, try again"


def test_all_are_ended_when_together_they_take_too_much(store: Store) -> None:
    store.limited(memory="64MB")
    clients = [store.asks("select len(list(x)) from range(400000000) as r (x)") for _ in range(2)]
    assert {client.heard() for client in clients} == {"query: takes more memory than it may"}
    assert store.asks("select 1").heard() == "answered"


def test_while_the_owner_is_alone_none_runs(store: Store) -> None:
    running = store.runs()
    with store.queries.alone():
        assert running.heard() == "query: memory is short, try again"
        waiting = store.asks("select 1")
        time.sleep(0.2)
        assert waiting.told == ""
    assert waiting.heard() == "answered"


def test_when_the_owner_stops_what_runs_is_ended_and_nothing_begins(store: Store) -> None:
    running = store.runs()
    store.queries.close()
    assert running.heard() == "query: the owner stops"
    assert store.asks("select 1").heard() == "query: the owner stops, try again"


def test_one_that_fails_gives_its_place_back(store: Store) -> None:
    store.limited(queries=1)
    assert "nowhere does not exist" in store.asks("from nowhere").heard()
    assert store.asks("select 1").heard() == "answered"
