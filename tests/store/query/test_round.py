"""A round reads one instant, computes what is shared once, and leaves nothing behind."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tape.exporters.contract import STATE_FILES, StateFile
from tape.exporters.state_files import render
from tape.store.database import closing, open_database, set_clocks, transaction
from tape.store.ingest.roll_ups import roll_up
from tape.store.query import round as round_module
from tape.store.query.round import LiveRounds, open_round, shared_beneath
from tape.store.schema import EVENT_TABLES
from tape.store.views.sql_files import sql_objects
from tests.conftest import AS_OF, GivenRows, ago
from tests.divided import examples


def test_a_temporary_table_shadows_the_view_of_its_name_inside_the_views_above(store: GivenRows) -> None:
    store.universe("BTCUSDT", "ETHUSDT")
    cursor = store.connection.cursor()
    set_clocks(cursor, as_of=AS_OF)
    listed = "select symbol from router_health order by symbol"
    assert cursor.execute(listed).fetchall() == [("BTCUSDT",), ("ETHUSDT",)]
    cursor.execute("create temp table listed_symbols as from main.listed_symbols where symbol = 'ETHUSDT'")
    assert cursor.execute(listed).fetchall() == [("ETHUSDT",)]
    assert cursor.execute(
        "select symbol from router_health_document, unnest(symbols) as t(s), (select s.symbol)"
    ).fetchall()
    assert store.connection.execute(listed).fetchall() == [("BTCUSDT",), ("ETHUSDT",)]
    cursor.close()


def test_shared_views_are_computed_in_dependency_order() -> None:
    order = [item.name for item in sql_objects()]
    for item in sql_objects():
        if item.layer == "documents":
            shared = shared_beneath(item.name)
            assert list(shared) == sorted(shared, key=order.index)


def test_what_rounds_treat_by_name_is_there() -> None:
    named = {item.name: item.layer for item in sql_objects()}
    assert {named[name] for name in round_module._SMALL_BASES} == {"base"}
    assert {named[name] for name in round_module._PARTS} == {"intel"}


def test_a_round_answers_a_select_as_the_views_do_and_computes_what_it_shares_once(store: GivenRows) -> None:
    store.universe("BTCUSDT", "ETHUSDT")
    store.close("BTCUSDT", 2.0)
    query = "select symbol, score from symbol_scores where symbol = 'BTCUSDT'"
    with open_round(store.connection, as_of=AS_OF) as reading:
        found = reading.answer(query).fetchall()
        computed = set(reading.computed)
        assert {"symbol_scores", "listed_symbols", "expectancy_stats"} <= computed
        reading.answer("from expectancy_by_symbol").fetchall()
        assert reading.computed == computed
    set_clocks(store.connection, as_of=AS_OF)
    assert found == store.connection.execute(query).fetchall() != []


def test_a_round_leaves_nothing_behind(store: GivenRows) -> None:
    connection = store.connection
    before = connection.execute("select count(*) from duckdb_tables()").fetchone()
    with open_round(connection, as_of=AS_OF) as reading:
        reading.one("router_health_document")
    assert connection.execute("select count(*) from duckdb_tables()").fetchone() == before
    assert connection.execute("select count(*) from duckdb_tables() where temporary").fetchone() == (0,)
    assert connection.execute("select getvariable('as_of')").fetchone() == (None,)


def test_a_round_that_fails_leaves_nothing_behind(store: GivenRows) -> None:
    def fail() -> None:
        with open_round(store.connection, as_of=AS_OF) as reading:
            reading.one("router_health_document")
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail()
    assert store.connection.execute("select count(*) from duckdb_tables() where temporary").fetchone() == (0,)


def test_a_round_works_on_a_read_only_database(store: GivenRows, database: Path) -> None:
    store.add("ticks", ago(minutes=1), equity_usd=100.0)
    store.connection.close()
    with (
        closing(open_database(database, read_only=True)) as connection,
        open_round(connection, as_of=AS_OF) as reading,
    ):
        assert reading.one("nav_document")["total_equity"] == 100.0


def test_as_of_selects_by_event_time_to_the_microsecond(store: GivenRows) -> None:
    store.add("ticks", ago(seconds=1), equity_usd=1.0)
    store.add("ticks", AS_OF, equity_usd=2.0)
    with open_round(store.connection, as_of=AS_OF) as reading:
        assert reading.one("nav_now")["equity_usd"] == 2.0
    with open_round(store.connection, as_of=ago(microseconds=1)) as reading:
        assert reading.one("nav_now")["equity_usd"] == 1.0


def test_known_seq_selects_by_ingest_order(store: GivenRows) -> None:
    store.add("ticks", ago(seconds=1), equity_usd=1.0, ingest_seq=1)
    store.add("ticks", AS_OF, equity_usd=2.0, ingest_seq=2)
    with open_round(store.connection, as_of=AS_OF, known_seq=1) as reading:
        assert reading.one("nav_now")["equity_usd"] == 1.0
        assert [row["equity_usd"] for row in reading.stream("from seen_ticks")] == [1.0]
    with open_round(store.connection, as_of=AS_OF, known_seq=0) as reading:
        assert reading.rows("seen_ticks") == []


def test_a_round_shows_what_is_configured(store: GivenRows) -> None:
    with open_round(store.connection, as_of=AS_OF, configured='{"ENV": "prod"}') as reading:
        assert reading.one("runtime_probe_document")["ENV"] == "prod"
    with open_round(store.connection, as_of=AS_OF) as reading:
        assert reading.one("runtime_probe_document")["ENV"] == "dev"


def test_several_streams_may_be_open_at_once(store: GivenRows) -> None:
    for seconds in range(3):
        store.add("ticks", ago(seconds=seconds), equity_usd=float(seconds))
    with open_round(store.connection, as_of=AS_OF) as reading:
        upward = reading.stream("select equity_usd from seen_ticks order by ts")
        downward = reading.stream("select equity_usd from seen_ticks order by ts desc")
        pairs = [(one["equity_usd"], other["equity_usd"]) for one, other in zip(upward, downward, strict=True)]
    assert pairs == [(2.0, 0.0), (1.0, 1.0), (0.0, 2.0)]


def test_one_insists_on_one_row(store: GivenRows) -> None:
    with (
        open_round(store.connection, as_of=AS_OF) as reading,
        pytest.raises(ValueError, match="view seen_ticks: expected one row, found 0"),
    ):
        reading.one("seen_ticks")


SYMBOLS = st.sampled_from(["BTCUSDT", "ETHUSDT"])
IDS = st.sampled_from(["a1", "a1_reduce", "a2", None])
PRICE = st.sampled_from([None, 90.0, 100.0, 101.5, 130.0])
YES_NO = st.sampled_from([None, True, False])

ROWS: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "ticks": st.fixed_dictionaries(
        {
            "equity_usd": st.sampled_from([None, -1.0, 900.0, 1000.0, 1001.0]),
            "nav_usd": PRICE,
            "unrealized_pnl_usd": PRICE,
            "position_count": st.sampled_from([None, 0, 1]),
            "event_id": st.sampled_from(["t1", "t2"]),
        }
    ),
    "positions": st.fixed_dictionaries(
        {
            "symbol": SYMBOLS,
            "qty": st.sampled_from([0.0, 1.0, -2.0]),
            "entry_price": PRICE,
            "mark_price": PRICE,
            "tick_id": st.sampled_from([None, "t1", "t2"]),
        }
    ),
    "marks": st.fixed_dictionaries({"symbol": SYMBOLS, "mark_price": st.sampled_from([90.0, 100.0, 101.5, 130.0])}),
    "order_attempts": st.fixed_dictionaries(
        {"symbol": SYMBOLS, "attempt_id": IDS, "qty": st.just(1.0), "price_hint": PRICE}
    ),
    "order_acks": st.fixed_dictionaries({"symbol": SYMBOLS, "attempt_id": IDS}),
    "order_fills": st.fixed_dictionaries(
        {
            "symbol": SYMBOLS,
            "order_id": st.sampled_from(["o1", "o2"]),
            "attempt_id": IDS,
            "avg_price": st.sampled_from([90.0, 101.5]),
        }
    ),
    "order_closes": st.fixed_dictionaries(
        {
            "symbol": SYMBOLS,
            "order_id": st.sampled_from(["o1", "o2"]),
            "attempt_id": IDS,
            "realized_pnl_usd": st.sampled_from([-30.0, 0.0, 2.5, 40.0]),
            "fees_usd": st.just(0.5),
            "position_size_before": st.sampled_from([1.0, 3.0]),
            "position_size_after": st.sampled_from([0.0, 1.0]),
        }
    ),
    "order_errors": st.fixed_dictionaries({"symbol": SYMBOLS, "attempt_id": IDS}),
    "order_metrics": st.fixed_dictionaries(
        {
            "symbol": SYMBOLS,
            "attempt_id": IDS,
            "slippage_bps": st.sampled_from([None, 0.5, 3.0, 9.0]),
            "maker_start": YES_NO,
            "is_maker_final": YES_NO,
            "used_fallback": YES_NO,
            "ack_latency_ms": st.sampled_from([None, 40.0, 600.0]),
            "kind": st.sampled_from([None, "position_close"]),
        }
    ),
    "vetoes": st.fixed_dictionaries(
        {
            "symbol": SYMBOLS,
            "veto_reason": st.sampled_from(["min_notional", "below_min_notional"]),
            "position_side": st.sampled_from([None, "LONG"]),
            "attempt_id": IDS,
        }
    ),
    "shadow_decisions": st.fixed_dictionaries(
        {
            "symbol": SYMBOLS,
            "attempt_id": IDS,
            "is_allowed": YES_NO,
            "is_heartbeat": st.booleans(),
            "decision": st.just({"intent": {"side": "BUY", "price": 100.0}, "size_decision": {"gross_usd": 90}}),
        }
    ),
    "heartbeats": st.fixed_dictionaries({"service": st.sampled_from(["executor", "sync"])}),
    "symbol_toggles": st.fixed_dictionaries(
        {
            "symbol": SYMBOLS,
            "is_disabled": st.booleans(),
            "until_ts": st.sampled_from([None, AS_OF + timedelta(hours=1), AS_OF + timedelta(days=7)]),
        }
    ),
    "flag_snapshots": st.fixed_dictionaries(
        {"is_intel_on": YES_NO, "is_pipeline_shadow_on": YES_NO, "engine_version": st.just("e")}
    ),
    "config_snapshots": st.one_of(
        st.sampled_from(["UTC", "America/New_York", "Asia/Kolkata"]).map(
            lambda zone: {"kind": "limits", "payload": {"reset_timezone": zone, "nav_freshness_seconds": 3600}}
        ),
        st.lists(SYMBOLS, max_size=2).map(lambda listed: {"kind": "universe", "payload": {"universe": listed}}),
    ),
    "router_health_log": st.just({"payload": {"symbols": []}}),
}
EDGES = [0, 1, 30, 60, 900, 3600, 86_400, 90_000, 172_800, 604_800, 691_200, 40 * 86_400]
NEAR = [timedelta(0), timedelta(microseconds=1), timedelta(microseconds=-1), timedelta(seconds=20)]
OFFSETS = st.builds(
    lambda edge, sign, near: sign * timedelta(seconds=edge) + near,
    st.sampled_from(EDGES),
    st.sampled_from([-1, -1, 1]),
    st.sampled_from(NEAR),
)
GIVEN = st.sampled_from(sorted(ROWS)).flatmap(
    lambda table: st.tuples(st.just(table), OFFSETS, ROWS[table], st.sampled_from([False, False, True]))
)
FORWARD_OR_BACK = st.builds(
    lambda seconds, sign, near: sign * timedelta(seconds=seconds) + near,
    st.sampled_from([0, 1, 1, 60, 900, 3600, 86_400, 172_800, 604_800]),
    st.sampled_from([1, 1, 1, -1]),
    st.sampled_from(NEAR),
)
TO_AN_EDGE = st.tuples(
    st.integers(0, 20),
    st.builds(lambda edge, near: timedelta(seconds=edge) + near, st.sampled_from(EDGES), st.sampled_from(NEAR)),
)
"""To where a row, by its number, enters or leaves a window."""
STEPS = st.lists(
    st.tuples(
        st.one_of(st.just([]), st.just([]), st.lists(GIVEN, max_size=3)),
        st.one_of(FORWARD_OR_BACK, TO_AN_EDGE, st.just(timedelta(seconds=1))),
        st.sets(st.sampled_from(STATE_FILES), min_size=4, max_size=len(STATE_FILES)),
    ),
    min_size=3,
    max_size=6,
)


class _Live:
    """A store that rows are put into as ingest does, and the live rounds over it."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.store = GivenRows(connection)
        self.rounds = LiveRounds(connection, "{}")
        self.versions: dict[str, int] = {}

    def put(self, table: str, ts: datetime, columns: dict[str, Any], *, is_test: bool = False) -> None:
        seq = max(self.versions.values(), default=0) + 1
        self.store.add(table, ts, is_test=is_test, ingest_seq=seq, **columns)
        for changed in (table, *roll_up(self.store.connection, seq - 1)):
            self.versions[changed] = seq

    def read(self, as_of: datetime, files: Iterable[StateFile] = STATE_FILES) -> dict[str, bytes]:
        with self.rounds.open(as_of, self.versions) as reading:
            return {file.name: render(file, reading) for file in files}

    def fresh(self, as_of: datetime, files: Iterable[StateFile] = STATE_FILES) -> dict[str, bytes]:
        with open_round(self.store.connection, as_of=as_of, configured="{}") as reading:
            return {file.name: render(file, reading) for file in files}


@pytest.fixture(scope="module")
def connection(empty_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    path = tmp_path_factory.mktemp("live") / "tape.duckdb"
    shutil.copy(empty_database, path)
    with closing(open_database(path)) as opened:
        yield opened


@pytest.fixture
def live(connection: duckdb.DuckDBPyConnection) -> Iterator[_Live]:
    with emptied(connection) as store:
        yield store


@contextmanager
def emptied(connection: duckdb.DuckDBPyConnection) -> Iterator[_Live]:
    """Live rounds over a store that is empty before and after."""
    cursor = connection.cursor()
    live = _Live(cursor)
    try:
        yield live
    finally:
        live.rounds.close()
        with transaction(cursor):
            for table in (*EVENT_TABLES, "nav_minutes", "mark_minutes"):
                cursor.execute(f"delete from {table}")
        cursor.close()


@settings(max_examples=examples(8), deadline=None, suppress_health_check=list(HealthCheck))
@given(first=st.lists(GIVEN, min_size=1, max_size=12), steps=STEPS)
def test_live_rounds_give_what_fresh_rounds_give(
    connection: duckdb.DuckDBPyConnection, first: list[Any], steps: list[Any]
) -> None:
    with emptied(connection) as live:
        as_of, times = AS_OF, []
        for rows, move, files in [(first, timedelta(0), STATE_FILES), *steps]:
            for table, offset, columns, is_test in rows:
                times.append(as_of + offset)
                live.put(table, times[-1], columns, is_test=is_test)
            as_of = as_of + move if isinstance(move, timedelta) else times[move[0] % len(times)] + move[1]
            assert live.read(as_of, files) == live.fresh(as_of, files)


def moved(live: _Live, as_of: datetime) -> bool:
    """Whether the documents are others than a moment before, to which they had been kept; they must be right."""
    before = [live.read(as_of - timedelta(milliseconds=each)) for each in (3, 2, 1)][-1]
    now = live.read(as_of)
    assert now == live.fresh(as_of)
    return any(_timeless(before[name]) != _timeless(now[name]) for name in now)


def _timeless(document: bytes) -> bytes:
    lines = document.splitlines()
    return b"".join(line for line in lines if not any(f'"{key}"'.encode() in line for key in CLOCKS))


WITHIN = AS_OF + timedelta(minutes=7)
"""An instant within a quarter of an hour, at whose end everything is computed again anyway."""
CLOCKS = ("ts", "updated_ts", "updated_at", "generated_ts", "stale_s")


def trade(live: _Live, ts: datetime, pnl: float = 5.0) -> None:
    order = f"o{ts.timestamp()}"
    live.put("order_fills", ts, {"symbol": "BTCUSDT", "order_id": order, "avg_price": 100.0})
    sizes = {"position_size_before": 1.0, "position_size_after": 0.0, "fees_usd": 0.0}
    live.put("order_closes", ts, {"symbol": "BTCUSDT", "order_id": order, "realized_pnl_usd": pnl, **sizes})


def test_what_cannot_have_changed_is_kept(live: _Live) -> None:
    live.put("vetoes", ago(hours=1), {"symbol": "BTCUSDT", "veto_reason": "x"})
    for number in range(3):
        live.read(AS_OF + timedelta(seconds=number))
    with live.rounds.open(AS_OF + timedelta(seconds=4), live.versions) as reading:
        kept = set(reading.computed)
    assert {"router_effectiveness", "symbol_volatility", "exec_stats"} <= kept
    assert not {"clock", "nav_now", "risk_mode_now"} & kept
    live.put("vetoes", ago(hours=1), {"symbol": "BTCUSDT", "veto_reason": "x"})
    with live.rounds.open(AS_OF + timedelta(seconds=5), live.versions) as reading:
        assert set(reading.computed) < kept
        assert "exec_stats" not in reading.computed
        assert "router_effectiveness" in reading.computed


def test_a_table_that_grows_with_every_round_is_not_kept(live: _Live) -> None:
    for number in range(4):
        live.put("vetoes", AS_OF, {"symbol": "BTCUSDT", "veto_reason": "x"})
        assert live.read(AS_OF + timedelta(seconds=number)) == live.fresh(AS_OF + timedelta(seconds=number))
    with live.rounds.open(AS_OF + timedelta(seconds=5), live.versions) as reading:
        assert "exec_stats" not in reading.computed


@pytest.mark.rows(3)
@pytest.mark.parametrize(
    ("table", "columns", "window"),
    [
        ("vetoes", {"symbol": "BTCUSDT", "veto_reason": "x"}, timedelta(hours=24)),
        ("order_attempts", {"symbol": "BTCUSDT", "attempt_id": "a"}, timedelta(hours=24)),
        ("heartbeats", {"service": "executor"}, timedelta(hours=24)),
        ("shadow_decisions", {"is_heartbeat": False, "is_allowed": True, "decision": {}}, timedelta(hours=24)),
        ("order_metrics", {"symbol": "BTCUSDT", "slippage_bps": 2.0, "maker_start": True}, timedelta(days=7)),
    ],
)
@pytest.mark.parametrize("enters", [True, False])
def test_a_row_enters_and_leaves_its_window_at_its_very_moment(
    live: _Live, table: str, columns: dict[str, Any], window: timedelta, enters: bool
) -> None:
    live.put(table, WITHIN, columns)
    at = WITHIN if enters else WITHIN + window
    assert not moved(live, at - timedelta(milliseconds=10))
    assert moved(live, at)
    assert not moved(live, at + timedelta(milliseconds=10))


def test_trades_leave_the_windows_of_48_hours_and_of_7_days(live: _Live) -> None:
    live.put("config_snapshots", ago(days=9), {"kind": "universe", "payload": {"universe": ["BTCUSDT"]}})
    trade(live, WITHIN)
    trade(live, WITHIN + timedelta(minutes=1), -3.0)
    for window in (timedelta(hours=48), timedelta(days=7)):
        assert not moved(live, WITHIN + window - timedelta(milliseconds=10))
        assert moved(live, WITHIN + window)


@pytest.mark.rows(2)
@pytest.mark.parametrize(
    ("zone", "midnight"),
    [
        ("UTC", datetime(2025, 6, 15, tzinfo=UTC)),
        ("Asia/Kolkata", datetime(2025, 6, 15, 18, 30, tzinfo=UTC)),
        ("Asia/Kathmandu", datetime(2025, 6, 15, 18, 15, tzinfo=UTC)),
        ("Pacific/Chatham", datetime(2025, 6, 15, 11, 15, tzinfo=UTC)),
    ],
)
def test_a_day_ends_at_midnight_in_every_time_zone(live: _Live, zone: str, midnight: datetime) -> None:
    live.put("config_snapshots", ago(days=9), {"kind": "limits", "payload": {"reset_timezone": zone}})
    live.put("ticks", midnight - timedelta(hours=3), {"equity_usd": 1000.0})
    trade(live, midnight - timedelta(hours=2), -30.0)
    assert not moved(live, midnight - timedelta(milliseconds=10))
    assert moved(live, midnight)


def test_what_is_kept_does_not_hold_for_an_earlier_instant(live: _Live) -> None:
    live.put("vetoes", WITHIN, {"symbol": "BTCUSDT", "veto_reason": "x"})
    live.read(WITHIN)
    live.read(WITHIN)
    earlier = WITHIN - timedelta(milliseconds=1)
    assert live.read(earlier) == live.fresh(earlier)


def test_the_edge_of_an_hour_ends_with_it(live: _Live) -> None:
    trade(live, AS_OF.replace(hour=11, minute=50) - timedelta(days=1), 10.0)
    trade(live, AS_OF.replace(hour=12, minute=5) - timedelta(days=2), -10.0)
    live.put("config_snapshots", ago(days=9), {"kind": "universe", "payload": {"universe": ["BTCUSDT"]}})
    full = AS_OF.replace(hour=12, minute=0)
    for at in (full - timedelta(milliseconds=10), full, full + timedelta(milliseconds=10)):
        live.read(at - timedelta(milliseconds=2))
        live.read(at - timedelta(milliseconds=1))
        assert live.read(at) == live.fresh(at)
    with (
        open_round(live.store.connection, as_of=full) as after,
        open_round(live.store.connection, as_of=full - timedelta(microseconds=1)) as before,
    ):
        assert after.rows("symbol_returns") != before.rows("symbol_returns"), "else this test shows nothing"


def test_events_at_the_end_of_time_are_no_obstacle(live: _Live) -> None:
    for year in (1, 9999):
        live.put("vetoes", datetime(year, 12, 31, 23, 59, tzinfo=UTC), {"symbol": "BTCUSDT", "veto_reason": "x"})
    assert not moved(live, AS_OF)


def test_a_round_that_fails_forgets_everything_and_the_next_one_works(live: _Live) -> None:
    def fail() -> None:
        with live.rounds.open(AS_OF, live.versions) as reading:
            reading.one("nav_document")
            raise RuntimeError("stop")

    live.put("vetoes", ago(hours=1), {"symbol": "BTCUSDT", "veto_reason": "x"})
    live.read(AS_OF)
    live.read(AS_OF)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="stop"):
            fail()
        with live.rounds.open(AS_OF, live.versions) as reading:
            assert reading.computed == set()
        assert live.read(AS_OF) == live.fresh(AS_OF)


def test_a_query_that_fails_in_a_round_does_not_harm_the_next(live: _Live) -> None:
    with pytest.raises(duckdb.Error), live.rounds.open(AS_OF, live.versions) as reading:
        reading._cursor.execute("select error('stop')")
    assert live.read(AS_OF) == live.fresh(AS_OF)


def test_live_rounds_work_again_after_they_were_closed(live: _Live) -> None:
    live.read(AS_OF)
    live.rounds.close()
    assert live.read(AS_OF) == live.fresh(AS_OF)
    assert live.store.connection.execute("select count(*) from duckdb_tables() where temporary").fetchone() == (0,)


def test_live_rounds_leave_no_transaction_open_on_the_connection(database: Path) -> None:
    """A result that was not read to its end kept one, and then no checkpoint emptied the log."""
    log = database.with_name(f"{database.name}.wal")
    with closing(open_database(database)) as connection:
        connection.execute("delete from ingest_counter")
        connection.execute("insert into ingest_counter values (1)")
        rounds = LiveRounds(connection, "{}")
        writer = connection.cursor()

        def write_and_checkpoint() -> int:
            with transaction(writer):
                # an update, as each batch stored makes one: it keeps what open transactions may still ask for
                writer.execute("update ingest_counter set last_ingest_seq = last_ingest_seq + 1")
            assert log.stat().st_size > 0, "else this test shows nothing"
            writer.execute("checkpoint")
            return log.stat().st_size if log.exists() else 0

        assert write_and_checkpoint() == 0
        for file in STATE_FILES:
            with rounds.open(AS_OF, {}) as reading:
                render(file, reading)
            assert write_and_checkpoint() == 0, file.name
        with open_round(connection, as_of=AS_OF) as reading:
            assert reading.last_seq > 0
            render(STATE_FILES[0], reading)
        assert write_and_checkpoint() == 0
        rounds.close()
        writer.close()
