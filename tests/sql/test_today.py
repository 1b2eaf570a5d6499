"""today: when the day began, in the reset time zone."""

from datetime import UTC, datetime

import pytest

from tests.conftest import GivenRows


@pytest.mark.parametrize(
    ("zone", "as_of", "day_start"),
    [
        ("America/New_York", datetime(2025, 6, 15, 3, 59, tzinfo=UTC), datetime(2025, 6, 14, 4, tzinfo=UTC)),
        ("America/New_York", datetime(2025, 6, 15, 4, tzinfo=UTC), datetime(2025, 6, 15, 4, tzinfo=UTC)),
        ("America/New_York", datetime(2025, 3, 9, 18, tzinfo=UTC), datetime(2025, 3, 9, 5, tzinfo=UTC)),
        ("Asia/Tokyo", datetime(2025, 6, 15, 15, tzinfo=UTC), datetime(2025, 6, 15, 15, tzinfo=UTC)),
        ("Asia/Kolkata", datetime(2025, 6, 15, 1, tzinfo=UTC), datetime(2025, 6, 14, 18, 30, tzinfo=UTC)),
    ],
)
def test_the_day_begins_at_local_midnight_also_when_clocks_change(
    store: GivenRows, zone: str, as_of: datetime, day_start: datetime
) -> None:
    store.limits(reset_timezone=zone)
    assert store.one("today", as_of)["day_start"] == day_start
