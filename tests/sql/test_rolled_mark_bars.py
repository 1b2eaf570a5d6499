"""rolled_mark_bars: the bars of the roll-up, 12 hours of them where these are 500, else 7 days (semantics 3)."""

from datetime import datetime, timedelta

import pytest

from tests.conftest import AS_OF, GivenRows, ago

MINUTE = datetime.fromisoformat("2025-06-15T12:30Z")


def bars(store: GivenRows, symbol: str, count: int, before: timedelta = timedelta(0)) -> None:
    store.connection.execute(
        "insert into mark_minutes by name select ? as symbol, ?::timestamptz - to_minutes(i) as minute,"
        " minute + interval 59 second as ts, i as close_price from range(1, ? + 1) as minutes (i)",
        [symbol, MINUTE - before, count],
    )


@pytest.mark.parametrize(("recent", "older"), [(499, 3), (500, 0)])
def test_older_bars_are_there_when_12_hours_have_fewer_than_500(store: GivenRows, recent: int, older: int) -> None:
    bars(store, "BTCUSDT", recent)
    bars(store, "BTCUSDT", 3, timedelta(hours=20))
    bars(store, "ETHUSDT", 2)
    bars(store, "ETHUSDT", 4, timedelta(hours=20))
    rows = store.rows("rolled_mark_bars")
    assert sum(row["symbol"] == "BTCUSDT" for row in rows) == recent + older
    assert sum(row["symbol"] == "ETHUSDT" for row in rows) == 6


def test_the_window_is_open_at_its_beginning_by_the_bars_last_mark(store: GivenRows) -> None:
    bars(store, "BTCUSDT", 1, timedelta(days=7, minutes=-1))
    last = ago(days=7) + timedelta(seconds=59)
    assert len(store.rows("rolled_mark_bars", last + timedelta(days=7, microseconds=-1))) == 1
    assert store.rows("rolled_mark_bars", last + timedelta(days=7)) == []


def test_the_sessions_own_minute_is_left_out_and_a_limited_session_sees_none(store: GivenRows) -> None:
    bars(store, "BTCUSDT", 2)
    assert [row["close_price"] for row in store.rows("rolled_mark_bars", AS_OF - timedelta(seconds=1))] == [2.0]
    assert store.rows("rolled_mark_bars", known_seq=100) == []
