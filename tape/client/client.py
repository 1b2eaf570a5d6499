"""The client: queries the store of a home through its owner if one runs, else the file, opened for each query.

Laws kept here:
- every row is returned, in bounded memory, from owner and file alike; only the caller's own limit cuts a result;
- owner and file give the same values: instants are datetimes, decimals are floats, NaN and infinity are null; but
  inside lists and documents, and for types that JSON lacks (intervals, blobs), an owner's answer has text;
- Ctrl-C ends the query itself, not only the wait for it;
- a slow reader of the rows keeps neither the owner nor the file busy (``tape.client.spool``).
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from tape.client.instants import Given, Newest
from tape.client.owner_socket import ask, asking
from tape.client.spool import Put, Running, apart
from tape.settings import Settings, load_settings, spool_folder
from tape.store.claims import owner_pid
from tape.store.database import closing, open_database, set_clocks
from tape.store.errors import QueryFailed, StoreError
from tape.store.home import Layout
from tape.store.query.guard import arrow_parts, one_select, row_parts
from tape.store.query.round import open_round, planned_in_round
from tape.store.status import NothingYet, newest_by, relation_names

Batch = Sequence[Sequence[Any]]


@dataclass(frozen=True)
class Answer:
    """The result of a query; ``types`` are DuckDB's names. ``is_cut``: there are more rows than were asked for."""

    columns: list[str]
    types: list[str]
    rows: Batch
    is_cut: bool = False


@dataclass(frozen=True)
class Rows:
    """The result of a running query: its rows in batches, which can be read once."""

    columns: list[str]
    types: list[str]
    batches: Iterator[Batch]

    def __iter__(self) -> Iterator[Sequence[Any]]:
        return (row for batch in self.batches for row in batch)


class Select(NamedTuple):
    """One select, and its clocks."""

    sql: str
    as_of: datetime | None
    known_seq: int | None


class Client:
    """Queries the store of a home. Views show the state at ``as_of``, else now, known up to ``known_seq``, else all.

    Raises, from each method:
        StoreError: there is no database, or the query is refused, fails, or takes longer than it may.
    """

    def __init__(self, home: Path, settings: Settings | None = None) -> None:
        self.home = home
        self.settings = settings or load_settings(home)

    @property
    def has_owner(self) -> bool:
        return owner_pid(self.home) is not None

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return the owner's answer to a request."""
        return ask(self.home, request)

    def query(self, sql: str, *, as_of: datetime | None = None, known_seq: int | None = None) -> Answer:
        """Return every row of one select."""
        with self.stream(sql, as_of=as_of, known_seq=known_seq) as rows:
            return Answer(rows.columns, rows.types, list(rows))

    def first(self, count: int, sql: str, *, as_of: datetime | None = None) -> Answer:
        """Return the first rows of one select, and whether there are more."""
        with self.stream(sql, as_of=as_of) as rows:
            found = list(islice(rows, count + 1))
        return Answer(rows.columns, rows.types, found[:count], is_cut=len(found) > count)

    def count(self, sql: str, *, as_of: datetime | None = None) -> int | None:
        """Return how many rows one select has; ``None`` if they cannot be counted, or not in time."""
        try:
            ((count,),) = self.query(f"select count(*) from (\n{sql.rstrip().rstrip(';')}\n)", as_of=as_of).rows
        except StoreError:
            return None
        return int(count)

    def at(self, given: Given | None) -> datetime | None:
        """Return the instant that a user gave, as a time.

        Raises:
            NothingYet: the newest event is asked for, and there is none.
        """
        if not isinstance(given, Newest):
            return given
        newest = newest_by(lambda query: self.query(query).rows[0][0], datetime.now(UTC))
        if newest is None:
            raise NothingYet("newest: expected an event, found an empty store")
        return newest - given.before

    @contextmanager
    def stream(self, sql: str, *, as_of: datetime | None = None, known_seq: int | None = None) -> Iterator[Rows]:
        """Yield the rows of one select as they come, within the block."""
        rows_of = self._rows_of_owner if self.has_owner else self._rows_of_file
        with rows_of(Select(sql, as_of, known_seq)) as rows:
            yield rows

    def ask_owner(self, sql: str, *, as_of: datetime | None = None, known_seq: int | None = None) -> Answer:
        """Return every row of one select from the owner; without an owner the file is not read.

        Raises:
            DoorClosed: no owner answers.
        """
        with self._rows_of_owner(Select(sql, as_of, known_seq)) as rows:
            return Answer(rows.columns, rows.types, list(rows))

    def round(self, queries: Sequence[str], *, as_of: datetime, known_seq: int | None = None) -> list[Answer]:
        """Return the rows of several selects on one instant and one state of the store; shared views are computed once.

        Raises:
            StoreError: as for the class, or an owner returned only a part of an answer.
        """
        if self.has_owner:
            request = {"request": "round", "queries": list(queries), "as_of": as_of.isoformat(), "known_seq": known_seq}
            return [_answered(each) for each in self.ask(request)["answers"]]
        running: list[Running] = []

        def work(put: Put) -> None:
            with (
                self._opened() as connection,
                open_round(connection, as_of=as_of, known_seq=known_seq, configured=self.settings.configured) as round_,
            ):
                running.append(round_)
                relations = relation_names(connection)
                for query in queries:
                    put(_answer(round_.answer(one_select(query, relations, planned_in_round))))

        with apart(work, running) as answers:
            return list(answers)

    @contextmanager
    def arrow(self, sql: str, *, as_of: datetime | None = None) -> Iterator[Iterator[bytes]]:
        """Yield the rows of one select as one Arrow IPC stream, in parts as they come, within the block."""
        select = Select(sql, as_of, None)
        if self.has_owner:
            with self._of_owner(select, "arrow") as parts:
                next(parts)
                yield parts
        else:
            with self._of_file(select, lambda result: (part for part, _ in arrow_parts(result))) as parts:
                next(parts)
                yield parts

    @contextmanager
    def _rows_of_owner(self, select: Select) -> Iterator[Rows]:
        with self._of_owner(select, "rows") as parts:
            head = next(parts)
            types = head["types"]
            yield Rows(head["columns"], types, (_read(json.loads(part), types, _FROM_JSON) for part in parts))

    @contextmanager
    def _rows_of_file(self, select: Select) -> Iterator[Rows]:
        with self._of_file(select, row_parts) as parts:
            columns, types = next(parts)
            yield Rows(columns, types, (_read(part, types, _FROM_FILE) for part in parts))

    @contextmanager
    def _of_owner(self, select: Select, output: str) -> Iterator[Iterator[Any]]:
        """Yield the first line of an owner's stream, then its parts."""
        running: list[Running] = []
        instant = None if select.as_of is None else select.as_of.isoformat()
        asked = {"sql": select.sql, "as_of": instant, "known_seq": select.known_seq, "format": output}

        def work(put: Put) -> None:
            with asking(self.home, {"request": "stream", **asked}) as owner:
                running.append(owner)
                put(owner.line())
                for part in owner.parts():
                    put(part)

        with apart(work, running, spool_folder()) as parts:
            yield parts

    @contextmanager
    def _of_file(
        self, select: Select, read: Callable[[duckdb.DuckDBPyConnection], Iterator[Any]]
    ) -> Iterator[Iterator[Any]]:
        """Yield columns and types of a result from the file, then its parts."""
        running: list[Running] = []

        def work(put: Put) -> None:
            with self._opened() as connection:
                running.append(connection)
                set_clocks(connection, as_of=select.as_of, known_seq=select.known_seq)
                connection.execute("set variable configured = ?", [self.settings.configured])
                result = connection.execute(one_select(select.sql, relation_names(connection)))
                put(_described(result))
                for part in read(result):
                    put(part)

        with apart(work, running, spool_folder()) as parts:
            yield parts

    @contextmanager
    def _opened(self) -> Iterator[duckdb.DuckDBPyConnection]:
        database = Layout(self.home).database
        with closing(open_database(database, self.settings.resources(), read_only=True)) as connection:
            connection.execute("set enable_external_access = false")
            try:
                yield connection
            except duckdb.Error as error:
                raise QueryFailed.of(str(error)) from error


def _answered(answer: dict[str, Any]) -> Answer:
    """Return an owner's complete answer.

    Raises:
        StoreError: the answer is only a part.
    """
    types, rows = answer["types"], answer["rows"]
    if answer["is_cut"]:
        raise StoreError(f"answer: expected at most the {len(rows):,} rows of the owner's [door] max_rows, found more")
    return Answer(answer["columns"], types, _read(rows, types, _FROM_JSON))


def _answer(result: duckdb.DuckDBPyConnection) -> Answer:
    columns, types = _described(result)
    return Answer(columns, types, _read(result.fetchall(), types, _FROM_FILE))


def _described(result: duckdb.DuckDBPyConnection) -> tuple[list[str], list[str]]:
    described = result.description or []
    return [str(column[0]) for column in described], [str(column[1]) for column in described]


def _read(rows: Batch, types: list[str], readers: dict[str, Callable[[Any], Any]]) -> Batch:
    """Return rows with values converted by the types of their columns; most rows need no conversion."""
    reading = {at: readers[name] for at, kind in enumerate(types) if (name := kind.partition("(")[0]) in readers}
    if not reading:
        return rows
    read = [list(row) for row in rows]
    for row in read:
        for at, reader in reading.items():
            if row[at] is not None:
                row[at] = reader(row[at])
    return read


def read_documents(rows: Batch, types: Sequence[str]) -> Batch:
    """Return rows with parsed documents instead of text in columns of type JSON."""
    return _read(rows, list(types), {"JSON": json.loads})


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
