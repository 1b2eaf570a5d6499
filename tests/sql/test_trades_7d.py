"""trades_7d: closed trades of 7 days; which closed in this hour of the day and which in 48 h (semantics 1, 4)."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.conftest import AS_OF, GivenRows, ago


def test_the_window_is_open_at_its_beginning_and_closed_at_its_end(store: GivenRows) -> None:
    store.close("EDGE", 1.0, ago(days=7))
    store.close("INSIDE", 1.0, ago(days=7) + timedelta(microseconds=1))
    store.close("NOW", 1.0, AS_OF)
    assert {row["symbol"] for row in store.rows("trades_7d")} == {"INSIDE", "NOW"}


@pytest.mark.parametrize(
    ("ts", "is_hour"),
    [
        (AS_OF, True),
        (datetime(2025, 6, 10, 12, 0, tzinfo=UTC), True),
        (datetime(2025, 6, 10, 12, 59, 59, tzinfo=UTC), True),
        (datetime(2025, 6, 10, 13, 0, tzinfo=UTC), False),
        (datetime(2025, 6, 10, 11, 59, 59, tzinfo=UTC), False),
    ],
)
def test_the_hour_of_day_is_that_of_the_instant_in_utc(store: GivenRows, ts: datetime, is_hour: bool) -> None:
    store.limits(reset_timezone="Asia/Kolkata")
    store.close("BTCUSDT", 1.0, ts)
    assert store.one("trades_7d")["is_hour_of_day"] is is_hour


def test_what_is_48_hours_old_is_no_longer_in_48_hours(store: GivenRows) -> None:
    store.close("EDGE", 1.0, ago(hours=48))
    store.close("INSIDE", 1.0, ago(hours=48) + timedelta(microseconds=1))
    assert {row["symbol"]: row["is_in_48h"] for row in store.rows("trades_7d")} == {"EDGE": False, "INSIDE": True}
