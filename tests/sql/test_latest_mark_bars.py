"""latest_mark_bars: 12 hours of bars, and a week of them for symbols with fewer than 500."""

import pytest

from tests.conftest import AS_OF, GivenRows


@pytest.mark.parametrize(("recent", "older"), [(499, 3), (500, 0)])
def test_older_bars_are_there_when_12_hours_have_fewer_than_500(store: GivenRows, recent: int, older: int) -> None:
    for symbol, count, hours in (("BTCUSDT", recent, 0), ("BTCUSDT", 3, 20), ("ETHUSDT", 2, 0), ("ETHUSDT", 4, 20)):
        store.connection.execute(
            "insert into marks by name select 'm' || i as event_id, false as is_test, 1 as ingest_seq, ? as symbol,"
            " ?::timestamptz - to_minutes(i) - to_hours(?) as ts, ts as received_ts, 5.0 as mark_price"
            " from range(0, ?) as minutes (i)",
            [symbol, AS_OF, hours, count],
        )
    rows = store.rows("latest_mark_bars")
    assert sum(row["symbol"] == "BTCUSDT" for row in rows) == recent + older
    assert sum(row["symbol"] == "ETHUSDT" for row in rows) == 6
