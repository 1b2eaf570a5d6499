"""Roll-ups hold what the raw rows give, whatever order these arrive in and however they are split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tape.store.database import closing, open_database, set_clocks, transaction
from tape.store.ingest.roll_ups import ROLL_UPS, roll_up
from tape.store.query.round import open_round
from tests.conftest import GivenRows, ago
from tests.divided import examples
from tests.store.old_logs import NAV, NAV_POINT, LogStore

START = ago(minutes=10)
ALL_KNOWN = 1 << 60


@dataclass(frozen=True)
class Row:
    """A tick and a mark at one moment, counted from START."""

    at_s: float
    value: float | None
    symbol: str = "X"
    is_test: bool = False


# few instants and values, so that minutes are shared, edges are met and ties are many
SECONDS = st.sampled_from([0.0, 0.000001, 30.0, 59.999999]) | st.floats(0, 59).map(lambda s: round(s, 6))
MOMENTS = st.builds(lambda minute, second: 60.0 * minute + second, st.integers(-3, 14), SECONDS)
ROWS = st.builds(
    Row,
    MOMENTS,
    st.sampled_from([1.0, 2.0, 2.5, 0.0, -1.0, None]),
    st.sampled_from(["X", "Y"]),
    st.sampled_from([False, False, False, True]),
)


class RolledUp:
    """A store that stores rows and rolls them up in one transaction."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.given = GivenRows(connection)
        self.seq = 0

    def store(self, rows: Sequence[Row]) -> None:
        with transaction(self.given.connection):
            before = self.seq
            for row in rows:
                ts = START + timedelta(seconds=row.at_s)
                more = {"nav_usd": 9.0} if row.value == 2.5 else {"unrealized_pnl_usd": row.at_s}
                self.given.add("ticks", ts, equity_usd=row.value, is_test=row.is_test, **more)
                self.given.add("marks", ts, symbol=row.symbol, mark_price=row.value or 7.0, is_test=row.is_test)
                self.seq += 2
            roll_up(self.given.connection, before)

    def view(self, name: str, as_of: datetime, known_seq: int | None = None) -> list[tuple[Any, ...]]:
        set_clocks(self.given.connection, as_of=as_of, known_seq=known_seq)
        return self.given.connection.execute(f"from {name} order by all").fetchall()

    def table(self, name: str) -> list[tuple[Any, ...]]:
        return self.given.connection.execute(f"from {name} order by all").fetchall()


@pytest.fixture
def rolled(store: GivenRows) -> RolledUp:
    return RolledUp(store.connection)


@pytest.fixture(scope="module")
def shared(empty_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The path of a database that examples empty before they use it."""
    path = tmp_path_factory.mktemp("roll_ups") / "tape.duckdb"
    path.write_bytes(empty_database.read_bytes())
    return path


@settings(deadline=None, max_examples=examples(20))
@given(
    st.lists(st.lists(ROWS, max_size=6), max_size=7),
    st.lists(MOMENTS | st.just(7 * 86400.0 + 30), min_size=1, max_size=2),
)
def test_views_give_what_raw_rows_give_whatever_arrives_in_whatever_order(
    shared: Path, transactions: list[list[Row]], moments: list[float]
) -> None:
    with closing(open_database(shared)) as connection:
        for table in ("ticks", "marks", "nav_minutes", "mark_minutes"):
            connection.execute(f"delete from {table}")
        rolled = RolledUp(connection)
        for rows in transactions:
            rolled.store(rows)
            for as_of in [START + timedelta(seconds=each) for each in moments]:
                for view in ("nav_series", "nav_now", "price_bars"):
                    assert rolled.view(view, as_of) == rolled.view(view, as_of, known_seq=ALL_KNOWN), (view, as_of)
        # the roll-ups do take part: every minute up to their last is in them, and no other
        for each in ROLL_UPS:
            query = f"select distinct date_trunc('minute', ts) as minute from {each.source} where {each.rows}"
            counted = [minute for (minute,) in connection.execute(f"{query} order by minute").fetchall()]
            query = f"select distinct minute from {each.table} order by minute"
            minutes = [minute for (minute,) in connection.execute(query).fetchall()]
            assert minutes == [minute for minute in counted if minutes and minute <= minutes[-1]]


@settings(deadline=None, max_examples=examples(20))
@given(st.lists(st.lists(ROWS, max_size=6), max_size=5), MOMENTS, st.integers(0, 30))
def test_a_round_that_knows_only_some_rows_gives_what_raw_rows_give(
    shared: Path, transactions: list[list[Row]], moment: float, known_seq: int
) -> None:
    as_of = START + timedelta(seconds=moment)
    with closing(open_database(shared)) as connection:
        for table in ("ticks", "marks", "nav_minutes", "mark_minutes"):
            connection.execute(f"delete from {table}")
        rolled = RolledUp(connection)
        for rows in transactions:
            rolled.store(rows)
        for view in ("nav_series", "nav_now", "price_bars"):
            raw = rolled.view(view, as_of, known_seq=known_seq)
            with open_round(connection, as_of=as_of, known_seq=known_seq) as reading:
                found = [tuple(row.values()) for row in reading.rows(view)]
            assert sorted(found, key=str) == sorted(raw, key=str), view


def test_a_round_reads_the_roll_ups_up_to_the_first_row_that_it_does_not_know(rolled: RolledUp) -> None:
    rolled.store([Row(0, 1.0), Row(60, 2.0), Row(120, 3.0), Row(200, 4.0)])
    rolled.store([Row(130, 9.0)])
    for known_seq, peak in ((8, 2.0), (10, 9.0)):
        with open_round(rolled.given.connection, as_of=START + timedelta(seconds=210), known_seq=known_seq) as reading:
            assert reading.one("rolled_nav_highs")["peak_equity_usd"] == peak


def test_the_last_minute_stays_open_until_a_later_one_begins(rolled: RolledUp) -> None:
    rolled.store([Row(0, 1.0), Row(59.999999, 2.0)])
    assert (rolled.table("nav_minutes"), rolled.table("mark_minutes")) == ([], [])
    rolled.store([Row(60, 3.0)])
    assert rolled.table("nav_minutes") == [
        (START, START + timedelta(seconds=59.999999), 3, 2.0, 2.0, 59.999999, None, 2.0, 1.0)
    ]
    assert rolled.table("mark_minutes") == [("X", START, START + timedelta(seconds=59.999999), 2.0)]


def test_a_late_row_has_its_minute_made_again(rolled: RolledUp) -> None:
    rolled.store([Row(0, 1.0), Row(60, 3.0), Row(120, 3.0)])
    rolled.store([Row(30, 9.0), Row(31, 4.0)])
    first, second = rolled.table("nav_minutes")
    assert (first[3], first[-2], second[3]) == (4.0, 9.0, 3.0)
    assert [close for *_, close in rolled.table("mark_minutes")] == [4.0, 3.0]


def test_a_late_row_may_be_the_first_of_its_minute_and_of_its_symbol(rolled: RolledUp) -> None:
    rolled.store([Row(0, 1.0), Row(300, 1.0), Row(400, 1.0)])
    rolled.store([Row(150, 2.0, "Y"), Row(-90, 3.0)])
    assert [row[3] for row in rolled.table("nav_minutes")] == [3.0, 1.0, 2.0, 1.0]
    assert [(symbol, close) for symbol, *_, close in rolled.table("mark_minutes")] == [
        ("X", 3.0),
        ("X", 1.0),
        ("X", 1.0),
        ("Y", 2.0),
    ]


def test_a_row_of_the_far_future_does_not_stop_the_present(rolled: RolledUp) -> None:
    rolled.store([Row(0, 1.0), Row(10 * 365 * 86400, 99.0)])
    for n in range(1, 4):
        rolled.store([Row(60.0 * n, 1.0 + n)])
    points = rolled.view("nav_series", START + timedelta(minutes=3))
    assert points == rolled.view("nav_series", START + timedelta(minutes=3), known_seq=ALL_KNOWN)
    assert [point[1] for point in points] == [1.0, 2.0, 3.0, 4.0]


@pytest.mark.parametrize("row", [Row(0, None), Row(0, 0.0), Row(0, -5.0), Row(0, 5.0, is_test=True)])
def test_a_tick_that_does_not_count_rolls_nothing_up(rolled: RolledUp, row: Row) -> None:
    rolled.store([row, Row(60, 1.0), Row(120, 1.0)])
    assert [minute for minute, *_ in rolled.table("nav_minutes")] == [START + timedelta(minutes=1)]
    rolled.store([row])
    assert [minute for minute, *_ in rolled.table("nav_minutes")] == [START + timedelta(minutes=1)]


def test_a_transaction_that_is_rolled_back_leaves_the_roll_ups_as_they_were(rolled: RolledUp) -> None:
    rolled.store([Row(0, 1.0), Row(60, 1.0)])
    before = [rolled.table(each.table) for each in ROLL_UPS]
    rolled.given.connection.execute("begin transaction")
    rolled.given.add("ticks", START, equity_usd=50.0)
    roll_up(rolled.given.connection, rolled.seq)
    assert [rolled.table(each.table) for each in ROLL_UPS] != before
    rolled.given.connection.execute("rollback")
    assert [rolled.table(each.table) for each in ROLL_UPS] == before


def test_an_import_rolls_up_what_it_stores(imported: LogStore) -> None:
    points = [{**NAV_POINT, "t": START.timestamp() + 60 * n, "equity": 1.0 + n} for n in range(3)]
    imported.lines(NAV, *points)
    rows = imported.connection.execute("select minute, equity_usd from nav_minutes order by minute").fetchall()
    assert rows == [(START, 1.0), (START + timedelta(minutes=1), 2.0)]
