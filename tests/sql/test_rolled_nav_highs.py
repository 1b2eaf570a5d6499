"""rolled_nav_highs: what the roll-up knows of highest and first equity, of all and of the day (semantics 11)."""

from datetime import UTC, datetime, timedelta

import pytest

from tape.store.ingest.roll_ups import roll_up
from tests.conftest import GivenRows, ago

MIDNIGHT = datetime(2025, 6, 15, tzinfo=UTC)
NOTHING = {"peak_equity_usd": None, "peak_today_usd": None, "first_today_usd": None}


@pytest.mark.parametrize(("zone", "hours"), [("UTC", 0), ("America/New_York", 4), ("Asia/Kolkata", -5.5)])
def test_the_day_begins_in_the_reset_time_zone_with_midnight_included(
    store: GivenRows, zone: str, hours: float
) -> None:
    begin = MIDNIGHT + timedelta(hours=hours)
    store.limits(reset_timezone=zone)
    equities = {timedelta(microseconds=-1): 9.0, timedelta(0): 2.0, timedelta(seconds=59): 1.0, timedelta(hours=1): 3.0}
    for offset, equity in equities.items():
        store.add("ticks", begin + offset, equity_usd=equity)
    store.add("ticks", begin + timedelta(hours=2), equity_usd=99.0)
    roll_up(store.connection, 0)
    assert store.one("rolled_nav_highs") == {"peak_equity_usd": 9.0, "peak_today_usd": 3.0, "first_today_usd": 2.0}


def test_a_minutes_highest_equity_counts_not_its_last(store: GivenRows) -> None:
    assert store.one("rolled_nav_highs") == NOTHING
    for seconds, equity in ((200, 9.0), (190, 7.0), (130, 8.0), (5, 99.0)):
        store.add("ticks", ago(seconds=seconds), equity_usd=equity)
    roll_up(store.connection, 0)
    assert store.one("rolled_nav_highs")["peak_equity_usd"] == 9.0
    assert store.one("rolled_nav_highs", ago(seconds=190)) == NOTHING
    assert store.rows("rolled_nav_highs", known_seq=100) == [NOTHING]


def test_of_two_first_ticks_at_one_instant_the_one_stored_first_counts(store: GivenRows) -> None:
    store.add("ticks", MIDNIGHT, equity_usd=5.0)
    store.add("ticks", MIDNIGHT, equity_usd=4.0)
    store.add("ticks", MIDNIGHT + timedelta(minutes=1), equity_usd=3.0)
    roll_up(store.connection, 0)
    assert store.one("rolled_nav_highs")["first_today_usd"] == 5.0


def test_the_peak_of_the_day_may_stand_in_its_first_minute(store: GivenRows) -> None:
    store.add("ticks", MIDNIGHT - timedelta(minutes=1), equity_usd=9.0)
    for minutes, equity in enumerate((7.0, 3.0, 5.0)):
        store.add("ticks", MIDNIGHT + timedelta(minutes=minutes), equity_usd=equity)
    roll_up(store.connection, 0)
    assert store.one("rolled_nav_highs") == {"peak_equity_usd": 9.0, "peak_today_usd": 7.0, "first_today_usd": 7.0}
