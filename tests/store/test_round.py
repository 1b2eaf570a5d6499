"""A round reads one instant, computes what is shared once, and leaves nothing behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from store.database import closing, open_database, set_clocks
from store.round import open_round, shared_beneath
from store.views import sql_objects
from tests.conftest import AS_OF, GivenRows, ago


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
