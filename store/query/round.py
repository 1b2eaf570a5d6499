"""A round: one cursor and one transaction in which documents are read as of one instant.

Views that several documents need are computed once: they become temporary tables on the round's cursor, in dependency
order. A temporary table shadows the view of the same name, also inside the views above it, so no SQL is written twice.
A round writes nothing but temporary tables.

``open_round`` opens a single round. ``LiveRounds`` opens rounds one after another and keeps views that cannot have
changed in between. A view is computed again when a table below it has new rows, when a row has left or entered one of
its windows, at every quarter of an hour (when hours and days begin in all time zones), at every minute if it reads a
roll-up, and always if it reads the instant itself (``clock``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property
from typing import Any, NamedTuple

import duckdb

from tape.store.database import closing, set_clocks
from tape.store.ingest.roll_ups import ROLL_UPS
from tape.store.views.sql_files import SqlObject, names_in, sql_objects

Row = dict[str, Any]
_MINUTE_S, _QUARTER_S = 60, 900


class Round:
    """Reads views as of one instant. Made by ``open_round`` and ``LiveRounds``; ``computed``: views kept before."""

    def __init__(
        self,
        cursor: duckdb.DuckDBPyConnection,
        as_of: datetime,
        known_seq: int | None = None,
        computed: Iterable[str] = (),
        catalog: str | None = None,
    ) -> None:
        self.as_of = as_of
        self.computed = set(computed)
        self._cursor = cursor
        self._known_seq = known_seq
        self._catalog = catalog or _catalog(cursor)

    @cached_property
    def last_seq(self) -> int:
        """The last ``ingest_seq`` that the round sees."""
        row = self._cursor.execute("select max(last_ingest_seq) from ingest_counter").fetchone()
        return 0 if row is None or row[0] is None else int(row[0])

    def one(self, view: str) -> Row:
        """Return the single row of a document view, nested values as lists and dicts."""
        rows = self.rows(view)
        if len(rows) != 1:
            raise ValueError(f"view {view}: expected one row, found {len(rows)}")
        return rows[0]

    def rows(self, view: str) -> list[Row]:
        """Return all rows of a view, in the view's own order."""
        self._compute(shared_beneath(view))
        return list(fetch_rows(self._cursor.execute(f"from {self._catalog}.main.{view}")))

    def answer(self, query: str | duckdb.Statement) -> duckdb.DuckDBPyConnection:
        """Return the result of one select, to be read before the next; views shared with others are computed once."""
        text = query if isinstance(query, str) else query.query
        # Names in texts and comments were left out, and one too many costs time alone: what is computed is the same.
        for name in sorted(names_in(text).keys() & _names()):
            self._compute((*shared_beneath(name), *([name] if _is_shared(_object(name)) else [])))
        return self._cursor.execute(query)

    def interrupt(self) -> None:
        """Interrupt the current computation, from another thread."""
        self._cursor.interrupt()

    def _compute(self, names: Iterable[str]) -> None:
        for name in names:
            if name not in self.computed:
                # by its full name: `main` alone may be the temporary tables' schema
                self._cursor.execute(f"create or replace temp table {name} as from {self._catalog}.main.{name}")
                self.computed.add(name)

    def stream(self, query: str) -> Iterator[Row]:
        """Yield the rows of a query, read on demand; several streams may be open at once.

        Each stream has a cursor, and so a transaction, of its own: rows stored meanwhile are excluded by their number.
        """
        cursor = self._cursor.cursor()
        set_clocks(cursor, as_of=self.as_of, known_seq=self.last_seq if self._known_seq is None else self._known_seq)
        yield from fetch_rows(cursor.execute(query))
        cursor.close()


def _catalog(cursor: duckdb.DuckDBPyConnection) -> str:
    """Return the database's name, quoted."""
    # read to its end: a result that is not keeps its transaction open, and then no checkpoint empties the log
    ((name,),) = cursor.execute("select current_database()").fetchall()
    return '"' + str(name).replace('"', '""') + '"'


def fetch_rows(result: duckdb.DuckDBPyConnection) -> Iterator[Row]:
    """Yield the rows of a result by column name, read on demand."""
    names = [column[0] for column in result.description or ()]
    while batch := result.fetchmany(2048):
        for row in batch:
            yield dict(zip(names, row, strict=True))


@contextmanager
def open_round(
    connection: duckdb.DuckDBPyConnection,
    *,
    as_of: datetime,
    known_seq: int | None = None,
    configured: str | None = None,
) -> Iterator[Round]:
    """Open a round as of an instant. ``configured``: JSON of the values shown where no flag snapshot is recorded."""
    with closing(connection.cursor()) as cursor:
        set_clocks(cursor, as_of=as_of, known_seq=known_seq)
        if configured is not None:
            cursor.execute("set variable configured = ?", [configured])
        # One transaction for all views: a row that is stored meanwhile is in none of them, instead of in some.
        cursor.execute("begin transaction")
        if known_seq is not None:
            _use_roll_ups(cursor, known_seq)
        yield Round(cursor, as_of, known_seq)


def _use_roll_ups(cursor: duckdb.DuckDBPyConnection, known_seq: int) -> None:
    """Set the session's minute up to which roll-ups hold no row after ``known_seq``: nearly all of a year."""
    # A roll-up knows no numbers of rows. It may be read for minutes before the first row that the round must not know.
    late = " union all ".join(f"select min(ts) as ts from {each.source} where ingest_seq > $seq" for each in ROLL_UPS)
    query = f"select coalesce(date_trunc('minute', min(ts)), cast('infinity' as timestamptz)) from ({late})"
    ((until,),) = cursor.execute(f"select cast(({query}) as varchar)", {"seq": known_seq}).fetchall()
    cursor.execute("set variable rolled_until = ?", [until])


@dataclass(frozen=True)
class _Kept:
    """What a kept view was computed from, and the instants between which it stays valid."""

    versions: tuple[int, ...]
    since: datetime
    until: datetime


class LiveRounds:
    """Opens rounds one after another on one cursor and keeps unchanged views from one to the next."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, configured: str) -> None:
        self._connection = connection
        self._configured = configured
        self._cursor: duckdb.DuckDBPyConnection | None = None
        self._catalog = _catalog(connection)
        self._kept: dict[str, _Kept] = {}
        self._before: Mapping[str, int] = {}

    @contextmanager
    def open(self, as_of: datetime, versions: Mapping[str, int]) -> Iterator[Round]:
        """Open a round as of an instant. ``versions``: per table a number that grows with its rows, read beforehand."""
        cursor = self._cursor or self._new_cursor()
        try:
            set_clocks(cursor, as_of=as_of)
            cursor.execute("begin transaction")
            valid = self._valid(as_of, versions)
            reading = Round(cursor, as_of, computed=valid, catalog=self._catalog)
            yield reading
            self._keep(cursor, as_of, versions, reading.computed - valid)
            cursor.execute("commit")
        except BaseException:
            # What is kept may stand for a transaction that was rolled back.
            self.close()
            raise

    def close(self) -> None:
        """Forget all kept views."""
        self._kept = {}
        if self._cursor is not None:
            self._cursor.close()
            self._cursor = None

    def _new_cursor(self) -> duckdb.DuckDBPyConnection:
        self._cursor = self._connection.cursor()
        self._cursor.execute("set variable configured = ?", [self._configured])
        return self._cursor

    def _valid(self, as_of: datetime, versions: Mapping[str, int]) -> set[str]:
        return {
            name
            for name, kept in self._kept.items()
            if kept.since <= as_of < kept.until and kept.versions == _versions(name, versions)
        }

    def _keep(
        self, cursor: duckdb.DuckDBPyConnection, as_of: datetime, versions: Mapping[str, int], names: set[str]
    ) -> None:
        # what stands on a table that is just growing will not be the same next time either
        before, self._before = self._before, dict(versions)
        names = {name for name in names if not _moves(name) and _versions(name, before) == _versions(name, versions)}
        # A view may change although nothing was stored: a row becomes older than its window, or its time comes.
        ends = _window_ends(cursor, {window for name in names for window in _windows(name)})
        for name in names:
            period_s = _MINUTE_S if _reads_roll_ups(name) else _QUARTER_S
            # At these instants days and hours begin, in whatever time zone the limits name.
            until = datetime.fromtimestamp((as_of.timestamp() // period_s + 1) * period_s, UTC)
            until = min([until, *(ends[window] for window in _windows(name) if window in ends)])
            self._kept[name] = _Kept(_versions(name, versions), as_of, until)


class _Window(NamedTuple):
    """How far a view looks back on a table; 0 seconds: it does not look ahead."""

    table: str
    seconds: int
    behind: str | None = None
    """The roll-up that holds the table's rows but for those behind its last minute."""


def _window_ends(cursor: duckdb.DuckDBPyConnection, windows: set[_Window]) -> dict[_Window, datetime]:
    """Return when, within a quarter of an hour, a row leaves each window, or enters one of 0 seconds."""
    if not windows:
        return {}
    ordered = sorted(windows, key=str)
    parts = [
        f"select {at}, min(ts) from {table} where ts > as_of() - interval {seconds} second"
        f" and ts <= as_of() - interval {seconds} second + interval {_QUARTER_S} second"
        + (f" and ts >= (select rolled_to(max(minute)) from {behind})" if behind else "")
        for at, (table, seconds, behind) in enumerate(ordered)
    ]
    rows = cursor.execute(" union all ".join(parts)).fetchall()
    return {ordered[at]: ts + timedelta(seconds=ordered[at].seconds) for at, ts in rows if ts is not None}


@cache
def _beneath(view: str) -> frozenset[str]:
    """Return a view and all objects that it reads, directly or not."""
    objects = {item.name: item for item in sql_objects()}
    return frozenset({view}.union(*(_beneath(name) for name in objects[view].reads)))


@cache
def tables_beneath(view: str) -> tuple[str, ...]:
    """Return the event tables and roll-ups that a view reads, directly or not."""
    return tuple(sorted(set().union(*(_tables_in(name) for name in _beneath(view)))))


@cache
def content_tables(view: str) -> tuple[str, ...]:
    """Those of ``tables_beneath`` whose rows a view shows; the others only tell whether its inputs are alive."""
    names, todo = {view}, [view]
    while todo:
        found = _object(todo.pop()).reads - names - {_STALENESS}
        names |= found
        todo += found
    return tuple(sorted(set().union(*(_tables_in(name) for name in names))))


_STALENESS = "staleness"
"""The macro by which a document says which of its inputs stopped."""


@cache
def _tables_in(name: str) -> frozenset[str]:
    """Return the event tables and roll-ups that the SQL of one object names."""
    if name.startswith("seen_"):
        return frozenset({name.removeprefix("seen_")})
    text = next(item.text for item in sql_objects() if item.name == name)
    return frozenset(each.table for each in ROLL_UPS if re.search(rf"\b{each.table}\b", text))


@cache
def _moves(view: str) -> bool:
    """Return whether a view reads the instant itself, so that it changes every time."""
    return "clock" in _beneath(view)


@cache
def _reads_roll_ups(view: str) -> bool:
    """Return whether a view reads roll-ups, which show one more minute at every minute."""
    return "rolled_before" in _beneath(view)


_WINDOW = re.compile(r"as_of\(\) - interval (\d+) (hour|day)")


@cache
def _windows(view: str) -> frozenset[_Window]:
    """Return the windows of a view, found in the SQL of each object below it."""
    # A row that is stamped ahead is seen when its time has come, so every table is looked ahead on.
    found = {_Window(table, 0) for table in tables_beneath(view)}
    for item in sql_objects():
        if item.name in _beneath(view):
            lengths = {int(number) * (3600 if unit == "hour" else 86400) for number, unit in _WINDOW.findall(item.text)}
            found |= {_window(item, table, length) for table in tables_beneath(item.name) for length in lengths}
    return frozenset(found)


def _window(item: SqlObject, table: str, seconds: int) -> _Window:
    roll_up = next((each.table for each in ROLL_UPS if each.source == table), None)
    is_open = roll_up is not None and f"from {roll_up}" in item.text and "rolled_to" in item.reads
    return _Window(table, seconds, roll_up if is_open else None)


def _versions(view: str, versions: Mapping[str, int]) -> tuple[int, ...]:
    return tuple(versions.get(table, 0) for table in tables_beneath(view))


@cache
def _names() -> frozenset[str]:
    return frozenset(item.name for item in sql_objects() if not item.is_macro)


def _object(name: str) -> SqlObject:
    return next(item for item in sql_objects() if item.name == name)


@cache
def shared_beneath(view: str) -> tuple[str, ...]:
    """Return the views below ``view`` worth computing once, in dependency order: all of intel, and small bases."""
    objects = {item.name: item for item in sql_objects()}
    wanted: set[str] = set()
    todo = [view]
    while todo:
        for name in objects[todo.pop()].reads - wanted:
            wanted.add(name)
            todo.append(name)
    return tuple(item.name for item in sql_objects() if item.name in wanted and _is_shared(item))


@cache
def planned_in_round(name: str) -> int:
    """Return how many macros and views are expanded when one is read in a round: each that is shared counts once."""
    names = {item.name for item in sql_objects()}
    return sum(_planned_alone(each) for each in (name, *shared_beneath(name))) if name in names else 0


@cache
def _planned_alone(name: str) -> int:
    return 1 + sum(_planned_alone(other) for other in _object(name).reads if not _is_shared(_object(other)))


def _is_shared(item: SqlObject) -> bool:
    """Return whether a view is computed once; bases with windows on big tables are not: they are read with a filter.

    A view that only one other view reads, always anew, is not shared either: the extra statement costs more than it
    saves.
    """
    if item.is_macro or item.name.startswith("seen_") or item.name in _PARTS:
        return False
    return item.layer != "base" or item.name in _SMALL_BASES


_PARTS = {"execution_health", "symbol_toggles_now"}
_SMALL_BASES = {
    "clock",
    "today",
    "limits",
    "flags",
    "configured_symbols",
    "listing_tick",
    "open_nav_minutes",
    "open_mark_bars",
    "rolled_nav_points",
    "rolled_nav_highs",
    "rolled_mark_bars",
    "trades_7d",
    "vetoes_24h",
    "closes_today",
}
