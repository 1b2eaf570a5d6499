"""nav_series: the last tick of each of the last 500 minutes that have one (semantics 11)."""

from datetime import datetime, timedelta

from tests.conftest import AS_OF, GivenRows, ago

MINUTE = ago(minutes=5)


def equities(store: GivenRows, as_of: datetime = AS_OF, known_seq: int | None = None) -> list[float]:
    return [row["equity_usd"] for row in store.rows("from nav_series order by ts", as_of, known_seq)]


def test_the_last_tick_of_a_minute_stands_for_it(store: GivenRows) -> None:
    minute = ago(minutes=10)
    for seconds, equity in [(0.0, 1.0), (59.9, 3.0), (30.0, 2.0), (60.0, 4.0), (90.0, 5.0), (90.0, 6.0), (91.0, 0.0)]:
        store.add("ticks", minute + timedelta(seconds=seconds), equity_usd=equity)
    assert equities(store) == [3.0, 6.0]


def test_minutes_without_a_tick_are_skipped_not_counted(store: GivenRows) -> None:
    store.connection.execute(
        "insert into ticks by name select 't' || i as event_id, ? - i * interval 1 hour as ts, ts as received_ts,"
        " i as ingest_seq, false as is_test, i::double as equity_usd from range(1, 502) as steps (i)",
        [ago(minutes=0)],
    )
    found = equities(store)
    assert (len(found), found[0], found[-1]) == (500, 500.0, 1.0)


def roll(store: GivenRows, minute: datetime, equity: float) -> None:
    """A whole minute of the roll-up whose numbers no tick has."""
    store.connection.execute(
        "insert into nav_minutes values (?, ?, 1, ?, ?, 3.0, null, ?, ?)",
        [minute, minute + timedelta(seconds=30), equity, equity, equity + 1, equity],
    )


def test_whole_minutes_come_from_the_roll_up_and_what_follows_from_ticks(store: GivenRows) -> None:
    roll(store, MINUTE, 100.0)
    store.add("ticks", MINUTE, equity_usd=1.0)
    store.add("ticks", MINUTE + timedelta(minutes=1), equity_usd=2.0)
    assert equities(store) == [100.0, 2.0]


def test_the_sessions_own_minute_comes_from_ticks_up_to_its_instant(store: GivenRows) -> None:
    roll(store, MINUTE, 100.0)
    roll(store, MINUTE + timedelta(minutes=1), 200.0)
    store.add("ticks", MINUTE + timedelta(seconds=10), equity_usd=1.0)
    store.add("ticks", MINUTE + timedelta(seconds=20), equity_usd=2.0)
    assert equities(store, MINUTE + timedelta(seconds=10)) == [1.0]


def test_a_session_that_knows_only_some_rows_reads_ticks_alone(store: GivenRows) -> None:
    roll(store, MINUTE, 100.0)
    store.add("ticks", MINUTE, equity_usd=1.0)
    store.add("ticks", MINUTE, equity_usd=2.0)
    assert equities(store, known_seq=1) == [1.0]
