"""latest_nav_points: a day of points, and older ones when these are fewer than 500."""

import pytest

from tests.conftest import AS_OF, GivenRows


@pytest.mark.parametrize(("recent", "older"), [(499, 3), (500, 0)])
def test_older_points_are_there_when_a_day_has_fewer_than_500(store: GivenRows, recent: int, older: int) -> None:
    for count, days in ((recent, 0), (3, 2)):
        store.connection.execute(
            "insert into ticks by name select 't' || i || ?::varchar as event_id, false as is_test, 1 as ingest_seq,"
            " ?::timestamptz - to_minutes(i) - to_days(?) as ts, ts as received_ts, 5.0 as equity_usd"
            " from range(0, ?) as minutes (i)",
            [str(days), AS_OF, days, count],
        )
    assert len(store.rows("latest_nav_points")) == recent + older
