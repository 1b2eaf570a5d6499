"""rfc3339: an instant as text in UTC, microseconds only where there are any."""

import pytest

from tests.conftest import GivenRows


@pytest.mark.parametrize(
    ("instant", "expected"),
    [
        ("timestamptz '2025-06-15 12:30:00+00'", "2025-06-15T12:30:00Z"),
        ("timestamptz '2025-06-15 12:30:00.25+00'", "2025-06-15T12:30:00.250000Z"),
        ("timestamptz '2025-06-15 01:00:00+02'", "2025-06-14T23:00:00Z"),
        ("null::timestamptz", None),
    ],
)
def test_text_is_in_utc_with_the_precision_it_needs(store: GivenRows, instant: str, expected: str | None) -> None:
    assert store.value(f"rfc3339({instant})") == expected


def test_the_time_zone_of_the_session_does_not_matter(store: GivenRows) -> None:
    store.connection.execute("set TimeZone = 'Asia/Tokyo'")
    found = store.connection.execute("select rfc3339(timestamptz '2025-06-15 12:30:00+00')").fetchone()
    assert found == ("2025-06-15T12:30:00Z",)
