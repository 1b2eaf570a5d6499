"""nav_series: the last tick of each of the last 500 minutes that have one (semantics 11)."""

from datetime import timedelta

from tests.conftest import GivenRows, ago


def equities(store: GivenRows) -> list[float]:
    return [row["equity_usd"] for row in store.rows("from nav_series order by ts")]


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
