"""An instant as a person gives it: what each form means, and what is none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tape.client.instants import Given, Newest, NoInstant, NoZone, instant, is_whole, shown, span, zone

NOW = datetime(2025, 11, 5, 18, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("now", NOW),
        ("newest", Newest()),
        (" NEWEST-90m ", Newest(timedelta(minutes=90))),
        ("-2h", NOW - timedelta(hours=2)),
        ("now-30m", NOW - timedelta(minutes=30)),
        ("-1.5d", NOW - timedelta(hours=36)),
        ("-45s", NOW - timedelta(seconds=45)),
        ("-1w", NOW - timedelta(days=7)),
        ("2025-11-05", datetime(2025, 11, 5, tzinfo=UTC)),
        ("2025-11-05 16:10", datetime(2025, 11, 5, 16, 10, tzinfo=UTC)),
        ("2025-11-05T16:10:00.25Z", datetime(2025, 11, 5, 16, 10, 0, 250_000, tzinfo=UTC)),
        ("2025-11-05T16:10:00+01:00", datetime(2025, 11, 5, 15, 10, tzinfo=UTC)),
    ],
)
def test_each_form_is_understood(text: str, meant: Given) -> None:
    assert instant(text, NOW) == meant


@pytest.mark.parametrize(
    "text", ["", " ", "soon", "yesterday", "2h", "-2", "-2y", "-99999999999w", "newest+2h", "2025-13-01", "1762359000"]
)
def test_what_is_none_is_told_with_the_forms(text: str) -> None:
    with pytest.raises(NoInstant, match=r"expected newest, 2025-11-05T16:10:00Z, .* -2h, -30m, -7d, found ") as caught:
        instant(text, NOW)
    assert caught.value.found == text


def test_a_time_without_an_offset_is_of_the_zone_that_is_asked_for() -> None:
    berlin = zone("Europe/Berlin")
    assert instant("2025-07-01 12:00", NOW, berlin) == datetime(2025, 7, 1, 10, tzinfo=UTC)
    assert instant("2025-12-01", NOW, berlin) == datetime(2025, 11, 30, 23, tzinfo=UTC)
    assert instant("2025-07-01T12:00Z", NOW, berlin) == datetime(2025, 7, 1, 12, tzinfo=UTC)
    assert shown(NOW, berlin) == "2025-11-05 19:30:00 Europe/Berlin"
    assert shown(NOW) == "2025-11-05 18:30:00 UTC"


def test_only_what_has_an_offset_is_whole_by_itself() -> None:
    assert [is_whole(text) for text in ("2025-11-05T16:10:00Z", "2025-11-05 16:10", "newest", "-2h")] == [
        *(True, False),
        *(False, False),
    ]


@pytest.mark.parametrize("name", ["Mars", "", "../../etc/passwd", "Europe/"])
def test_a_zone_that_is_none_is_told(name: str) -> None:
    with pytest.raises(NoZone, match="Europe/Berlin or local"):
        zone(name)


def test_utc_and_the_zone_of_the_machine_are_zones() -> None:
    assert zone("utc") is UTC
    assert str(zone("local")) == "local"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.44, "0.4 s"), (42, "42 s"), (180, "3.0 min"), (1800, "30 min"), (7200, "2.0 h"), (10 * 86400, "10 days")],
)
def test_a_span_is_told_in_the_unit_people_use(seconds: float, text: str) -> None:
    assert span(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 s"),
        (9.94, "9.9 s"),
        (10, "10 s"),
        (99.9, "100 s"),
        (100, "1.7 min"),
        (5399, "90 min"),
        (5400, "1.5 h"),
        (172_799, "48 h"),
        (172_800, "2 days"),
        (-180, "-3.0 min"),
        (86_400 * 1234, "1,234 days"),
    ],
)
def test_a_span_changes_its_unit_at_100_s_90_min_and_2_days(seconds: float, text: str) -> None:
    assert span(seconds) == text
