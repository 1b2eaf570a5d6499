"""Asking the store of a home: through its owner where one runs, else the file itself, while it asks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from store.database import closing, open_database, set_clocks
from store.owner_lock import owner_pid
from store.query import arrow_stream, one_select
from store.round import open_round
from store.status import relation_names
from tape.door import ask
from tape.settings import Settings, load_settings


@dataclass(frozen=True)
class Answer:
    """What a query says; through an owner instants are RFC 3339 texts. ``is_cut``: there are more rows."""

    columns: list[str]
    rows: Sequence[Sequence[Any]]
    is_cut: bool = False


class Client:
    """Asks the store of a home. Views show ``as_of``, else now, and what was known at ``known_seq``, else all.

    Raises, from each method:
        StoreError: there is no database, or the query is refused, or takes longer than it may.
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
            answer, _ = self.ask(_request(sql, as_of, known_seq, "rows"))
            return Answer(answer["columns"], answer["rows"], answer["is_cut"])
        with self._result(sql, as_of, known_seq) as result:
            return Answer([column[0] for column in result.description or ()], result.fetchall())

    def round(self, queries: Sequence[str], *, as_of: datetime, known_seq: int | None = None) -> list[Answer]:
        """The rows of several selects on one instant and one state of the store; what they share is computed once."""
        if self.has_owner:
            request = {"request": "round", "queries": list(queries), "as_of": as_of.isoformat(), "known_seq": known_seq}
            answer, _ = self.ask(request)
            return [Answer(each["columns"], each["rows"], each["is_cut"]) for each in answer["answers"]]
        with (
            self._opened() as connection,
            open_round(connection, as_of=as_of, known_seq=known_seq, configured=self.settings.configured) as reading,
        ):
            relations = relation_names(connection)
            results = (reading.answer(one_select(query, relations)) for query in queries)
            return [Answer([column[0] for column in each.description or ()], each.fetchall()) for each in results]

    def arrow(self, sql: str, *, as_of: datetime | None = None, known_seq: int | None = None) -> tuple[bytes, bool]:
        """The rows of one select as an Arrow IPC stream, and whether there are more."""
        if self.has_owner:
            answer, stream = self.ask(_request(sql, as_of, known_seq, "arrow"))
            return stream, answer["is_cut"]
        with self._result(sql, as_of, known_seq) as result:
            return arrow_stream(result)

    @contextmanager
    def _result(self, sql: str, as_of: datetime | None, known_seq: int | None) -> Iterator[duckdb.DuckDBPyConnection]:
        with self._opened() as connection:
            set_clocks(connection, as_of=as_of, known_seq=known_seq)
            connection.execute("set variable configured = ?", [self.settings.configured])
            yield connection.execute(one_select(sql, relation_names(connection)))

    @contextmanager
    def _opened(self) -> Iterator[duckdb.DuckDBPyConnection]:
        database = self.home / "logs" / "tape.duckdb"
        with closing(open_database(database, self.settings.resources(), read_only=True)) as connection:
            connection.execute("set enable_external_access = false")
            yield connection


def _request(sql: str, as_of: datetime | None, known_seq: int | None, output: str) -> dict[str, Any]:
    instant = None if as_of is None else as_of.isoformat()
    return {"request": "query", "sql": sql, "as_of": instant, "known_seq": known_seq, "format": output}
