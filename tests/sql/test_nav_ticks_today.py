"""nav_ticks_today: ticks that count since the day began in the reset time zone (semantics 11)."""

from datetime import UTC, datetime, timedelta

from tests.conftest import GivenRows

MIDNIGHT = datetime(2025, 6, 15, tzinfo=UTC)


def test_the_day_begins_at_midnight_utc_by_default_with_midnight_included(store: GivenRows) -> None:
    store.add("ticks", MIDNIGHT - timedelta(microseconds=1), equity_usd=1.0)
    store.add("ticks", MIDNIGHT, equity_usd=2.0)
    store.add("ticks", MIDNIGHT + timedelta(hours=1), equity_usd=0.0)
    assert [row["equity_usd"] for row in store.rows("nav_ticks_today")] == [2.0]


def test_the_day_begins_in_the_reset_time_zone(store: GivenRows) -> None:
    store.limits(reset_timezone="America/New_York")
    store.add("ticks", MIDNIGHT + timedelta(hours=4, seconds=-1), equity_usd=1.0)
    store.add("ticks", MIDNIGHT + timedelta(hours=4), equity_usd=2.0)
    assert [row["equity_usd"] for row in store.rows("nav_ticks_today")] == [2.0]
