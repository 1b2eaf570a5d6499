"""closes_today: closes since the day began in the reset time zone."""

from datetime import UTC, datetime, timedelta

from tests.conftest import AS_OF, GivenRows

MIDNIGHT = datetime(2025, 6, 15, tzinfo=UTC)


def test_the_first_instant_of_the_day_belongs_to_it(store: GivenRows) -> None:
    store.close("BTCUSDT", 1.0, MIDNIGHT - timedelta(microseconds=1))
    store.close("BTCUSDT", 2.0, MIDNIGHT)
    store.close("BTCUSDT", 3.0, AS_OF)
    assert {row["realized_pnl_usd"] for row in store.rows("closes_today")} == {2.0, 3.0}


def test_the_day_begins_in_the_reset_time_zone(store: GivenRows) -> None:
    store.limits(reset_timezone="Asia/Tokyo")
    store.close("BTCUSDT", 1.0, MIDNIGHT - timedelta(hours=9, microseconds=1))
    store.close("BTCUSDT", 2.0, MIDNIGHT - timedelta(hours=9))
    assert [row["realized_pnl_usd"] for row in store.rows("closes_today")] == [2.0]
