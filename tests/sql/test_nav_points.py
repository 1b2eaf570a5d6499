"""nav_points: the last tick of each minute and the minute's highest equity (semantics 11)."""

from datetime import datetime, timedelta
from typing import Any

from tests.conftest import AS_OF, GivenRows, ago

MINUTE = ago(minutes=5)


def roll(store: GivenRows, minute: datetime, equity: float) -> None:
    """A whole minute of the roll-up whose numbers no tick has."""
    store.connection.execute(
        "insert into nav_minutes values (?, ?, 1, ?, ?, 3.0, null, ?)",
        [minute, minute + timedelta(seconds=30), equity, equity, equity + 1],
    )


def points(store: GivenRows, as_of: datetime = AS_OF, known_seq: int | None = None) -> list[dict[str, Any]]:
    return store.rows("from nav_points order by minute", as_of, known_seq)


def test_a_minute_is_its_last_tick_with_what_that_tick_does_not_know(store: GivenRows) -> None:
    store.add("ticks", MINUTE + timedelta(seconds=1), equity_usd=9.0, unrealized_pnl_usd=1.0, realized_pnl_usd=2.0)
    store.add("ticks", MINUTE + timedelta(seconds=59.999999), equity_usd=7.0, realized_pnl_usd=4.0)
    store.add("ticks", MINUTE + timedelta(seconds=30), equity_usd=8.0, unrealized_pnl_usd=5.0)
    assert points(store) == [
        {
            "minute": MINUTE,
            "ts": MINUTE + timedelta(seconds=59.999999),
            "ingest_seq": 2,
            "equity_usd": 7.0,
            "nav_usd": 7.0,
            "unrealized_pnl_usd": None,
            "realized_pnl_usd": 4.0,
            "peak_equity_usd": 9.0,
        }
    ]


def test_of_two_ticks_at_one_instant_the_one_stored_last_counts(store: GivenRows) -> None:
    store.add("ticks", MINUTE, equity_usd=2.0, nav_usd=0.0)
    store.add("ticks", MINUTE, equity_usd=1.0)
    assert [(row["equity_usd"], row["nav_usd"], row["peak_equity_usd"]) for row in points(store)] == [(1.0, 1.0, 2.0)]


def test_ticks_that_do_not_count_make_no_minute(store: GivenRows) -> None:
    store.add("ticks", MINUTE, equity_usd=0.0)
    store.add("ticks", MINUTE)
    store.add("ticks", MINUTE, equity_usd=5.0, is_test=True)
    store.add("ticks", AS_OF + timedelta(microseconds=1), equity_usd=5.0)
    assert points(store) == []


def test_whole_minutes_come_from_the_roll_up_and_what_follows_from_ticks(store: GivenRows) -> None:
    roll(store, MINUTE, 100.0)
    store.add("ticks", MINUTE, equity_usd=1.0)
    store.add("ticks", MINUTE + timedelta(minutes=1), equity_usd=2.0)
    assert [(row["minute"], row["equity_usd"]) for row in points(store)] == [
        (MINUTE, 100.0),
        (MINUTE + timedelta(minutes=1), 2.0),
    ]
    assert points(store)[0]["peak_equity_usd"] == 101.0


def test_the_sessions_own_minute_comes_from_ticks_up_to_its_instant(store: GivenRows) -> None:
    roll(store, MINUTE, 100.0)
    roll(store, MINUTE + timedelta(minutes=1), 200.0)
    store.add("ticks", MINUTE + timedelta(seconds=10), equity_usd=1.0)
    store.add("ticks", MINUTE + timedelta(seconds=20), equity_usd=2.0)
    assert [row["equity_usd"] for row in points(store, MINUTE + timedelta(seconds=10))] == [1.0]


def test_a_session_that_knows_only_some_rows_reads_ticks_alone(store: GivenRows) -> None:
    roll(store, MINUTE, 100.0)
    store.add("ticks", MINUTE, equity_usd=1.0)
    store.add("ticks", MINUTE, equity_usd=2.0)
    assert [row["equity_usd"] for row in points(store, known_seq=1)] == [1.0]
