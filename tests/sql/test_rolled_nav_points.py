"""rolled_nav_points: the last 500 minutes of the roll-up of ticks."""

from datetime import timedelta

import pytest

from tape.store.ingest.roll_ups import roll_up
from tests.conftest import AS_OF, GivenRows, ago


@pytest.mark.parametrize(("recent", "older"), [(499, 1), (500, 0), (10, 3)])
def test_older_minutes_fill_up_a_day_that_has_fewer_than_500(store: GivenRows, recent: int, older: int) -> None:
    for count, days in ((recent, 0), (3, 2)):
        store.connection.execute(
            "insert into nav_minutes by name select date_trunc('minute', ?::timestamptz) - to_minutes(i) - to_days(?)"
            " as minute, minute as ts, 1 as ingest_seq, 5.0 as equity_usd, 5.0 as nav_usd, 5.0 as peak_equity_usd"
            " from range(1, ? + 1) as minutes (i)",
            [AS_OF, days, count],
        )
    rows = store.rows("rolled_nav_points")
    assert len(rows) == min(recent + older, 500)
    assert sum(row["ts"] < ago(days=1) for row in rows) == older


def test_the_sessions_own_minute_and_what_is_not_known_yet_are_left_out(store: GivenRows) -> None:
    for minutes in (3, 2, 1, 0):
        store.add("ticks", ago(minutes=minutes), equity_usd=minutes + 0.5)
    roll_up(store.connection, 0)
    assert [row["equity_usd"] for row in store.rows("rolled_nav_points")] == [1.5, 2.5, 3.5]
    assert [row["equity_usd"] for row in store.rows("rolled_nav_points", ago(minutes=1, seconds=-30))] == [2.5, 3.5]
    assert store.rows("rolled_nav_points", AS_OF + timedelta(minutes=9), known_seq=100) == []
