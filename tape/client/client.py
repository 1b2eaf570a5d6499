"""Asking the store of a home: through its owner where one runs, else the file itself, for the length of one query.

Laws kept here:
- a value is the same whoever answers: instants are datetimes, decimals floats, what is no number is null; inside lists
  and documents, and where JSON has no type of its own (intervals, blobs), an owner's answer has texts;
- Ctrl-C ends the query, not only the waiting for it.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Protocol, TypeVar

import duckdb

from tape.client.owner_socket import ask
from tape.settings import Settings, load_settings
from tape.store.claims import owner_pid
from tape.store.database import closing, open_database, set_clocks
from tape.store.errors import StoreError
from tape.store.home import Layout
from tape.store.query.guard import arrow_stream, one_select
from tape.store.query.round import open_round
from tape.store.status import relation_names

_AGAIN_S = 0.05
"""From interrupt to interrupt: one that comes before a query has begun to run is lost."""

_HEARD_S = 0.2
"""How long Ctrl-C may go unheard: one that comes just before a wait begins does not end that wait."""

Result = TypeVar("Result")


class Running(Protocol):
    """What can be told to end: a connection, a round."""

    def interrupt(self) -> None: ...


@dataclass(frozen=True)
class Answer:
    """What a query says; ``types`` are DuckDB's names. ``is_cut``: there are more rows."""

    columns: list[str]
    types: list[str]
    rows: Sequence[Sequence[Any]]
    is_cut: bool = False


class Client:
    """Asks the store of a home. Views show ``as_of``, else now, and what was known at ``known_seq``, else all.

    Raises, from each method:
        StoreError: there is no database, or the query is refused, fails, or takes longer than it may.
    """

    def __init__(self, home: Path, settings: Settings | None = None) -> None:
        self.home = home
        self.settings = settings or load_settings(home)

    @property
    def has_owner(self) -> bool:
        return owner_pid(self.home) is not None

    def ask(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        """The owner's answer, and the bytes that follow it."""
        return ask(self.home, request)

    def query(self, sql: str, *, as_of: datetime | None = None, known_seq: int | None = None) -> Answer:
        """The rows of one select."""
        if self.has_owner:
            return self.ask_owner(sql, as_of=as_of, known_seq=known_seq)
        return self._ask_file(_answer, sql, as_of, known_seq)

    def ask_owner(self, sql: str, *, as_of: datetime | None = None, known_seq: int | None = None) -> Answer:
        """The rows of one select as the owner gives them; without one the file is not read.

        Raises:
            DoorClosed: nobody answers.
        """
        return _answered(self.ask(_request(sql, as_of, known_seq, "rows"))[0])

    def round(self, queries: Sequence[str], *, as_of: datetime, known_seq: int | None = None) -> list[Answer]:
        """The rows of several selects on one instant and one state of the store; what they share is computed once."""
        if self.has_owner:
            request = {"request": "round", "queries": list(queries), "as_of": as_of.isoformat(), "known_seq": known_seq}
            return [_answered(each) for each in self.ask(request)[0]["answers"]]
        running: list[Running] = []

        def work() -> list[Answer]:
            with (
                self._opened() as connection,
                open_round(connection, as_of=as_of, known_seq=known_seq, configured=self.settings.configured) as round_,
            ):
                running.append(round_)
                relations = relation_names(connection)
                return [_answer(round_.answer(one_select(query, relations))) for query in queries]

        return _until_ctrl_c(work, running)

    def arrow(self, sql: str, *, as_of: datetime | None = None, known_seq: int | None = None) -> tuple[bytes, bool]:
        """The rows of one select as an Arrow IPC stream, and whether there are more."""
        if self.has_owner:
            answer, stream = self.ask(_request(sql, as_of, known_seq, "arrow"))
            return stream, answer["is_cut"]
        return self._ask_file(arrow_stream, sql, as_of, known_seq)

    def _ask_file(
        self,
        read: Callable[[duckdb.DuckDBPyConnection], Result],
        sql: str,
        as_of: datetime | None,
        known_seq: int | None,
    ) -> Result:
        """What is read of a query's result, in a thread of its own: DuckDB itself hears no Ctrl-C while it computes."""
        running: list[Running] = []

        def work() -> Result:
            with self._asked(sql, as_of, known_seq) as (connection, statement):
                running.append(connection)
                return read(connection.execute(statement))

        return _until_ctrl_c(work, running)

    @contextmanager
    def _asked(
        self, sql: str, as_of: datetime | None, known_seq: int | None
    ) -> Iterator[tuple[duckdb.DuckDBPyConnection, duckdb.Statement]]:
        with self._opened() as connection:
            set_clocks(connection, as_of=as_of, known_seq=known_seq)
            connection.execute("set variable configured = ?", [self.settings.configured])
            yield connection, one_select(sql, relation_names(connection))

    @contextmanager
    def _opened(self) -> Iterator[duckdb.DuckDBPyConnection]:
        database = Layout(self.home).database
        with closing(open_database(database, self.settings.resources(), read_only=True)) as connection:
            connection.execute("set enable_external_access = false")
            try:
                yield connection
            except duckdb.Error as error:
                raise StoreError(" ".join(str(error).split())) from error


def _request(sql: str, as_of: datetime | None, known_seq: int | None, output: str) -> dict[str, Any]:
    instant = None if as_of is None else as_of.isoformat()
    return {"request": "query", "sql": sql, "as_of": instant, "known_seq": known_seq, "format": output}


def _answered(answer: dict[str, Any]) -> Answer:
    """An owner's answer."""
    types = answer["types"]
    return Answer(answer["columns"], types, _read(answer["rows"], types, _FROM_JSON), answer["is_cut"])


def _answer(result: duckdb.DuckDBPyConnection) -> Answer:
    described = result.description or []
    types = [str(column[1]) for column in described]
    return Answer([str(column[0]) for column in described], types, _read(result.fetchall(), types, _FROM_FILE))


def _until_ctrl_c(work: Callable[[], Result], running: list[Running]) -> Result:
    """The result of some work; Ctrl-C interrupts what runs and goes on when the work has ended."""
    results: list[Result] = []
    errors: list[BaseException] = []
    ended = threading.Event()  # a join that Ctrl-C interrupts may take the thread for dead

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001 (raised where it is waited for)
            errors.append(error)
        finally:
            ended.set()

    thread = threading.Thread(target=run, name="query", daemon=True)
    try:
        thread.start()
        while not ended.wait(_HEARD_S):
            pass
    except KeyboardInterrupt:
        while not ended.wait(_AGAIN_S) and thread.ident is not None:  # else it never began
            for each in running:
                with suppress(duckdb.ConnectionException):  # closed by now
                    each.interrupt()
        raise
    if errors:
        raise errors[0]
    return results[0]


def _read(
    rows: Sequence[Sequence[Any]], types: list[str], readers: dict[str, Callable[[Any], Any]]
) -> Sequence[Sequence[Any]]:
    """Rows whose values are read by the types of their columns; most have none that is to be read."""
    reading = {at: readers[name] for at, kind in enumerate(types) if (name := kind.partition("(")[0]) in readers}
    if not reading:
        return rows
    read = [list(row) for row in rows]
    for row in read:
        for at, reader in reading.items():
            if row[at] is not None:
                row[at] = reader(row[at])
    return read


def _instant(text: str) -> datetime | str:
    try:
        return datetime.fromisoformat(text)
    except ValueError:  # infinity, and what lies outside of Python's years
        return text


def _day(text: str) -> date | str:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return text


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


_FROM_JSON: dict[str, Callable[[Any], Any]] = {
    "TIMESTAMP WITH TIME ZONE": _instant,
    "TIMESTAMP": _instant,
    "DATE": _day,
}
_FROM_FILE: dict[str, Callable[[Any], Any]] = {"DECIMAL": float, "DOUBLE": _number, "FLOAT": _number}
