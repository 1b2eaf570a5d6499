"""The instants to publish for: they go back only when the wall clock does, by more than a correction."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tape.clock import KEPT, Clock

NOON = datetime(2025, 6, 15, 12, tzinfo=UTC)


class Wall:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def wall() -> Wall:
    return Wall()


def test_a_clock_that_goes_forward_is_followed(wall: Wall) -> None:
    clock = Clock(None, wall)
    assert clock.now() == NOON
    wall.now += timedelta(hours=1)
    assert clock.now() == wall.now
    assert clock.steps_back == 0


def test_a_correction_is_waited_out(wall: Wall) -> None:
    clock = Clock(None, wall)
    clock.now()
    wall.now -= KEPT
    assert clock.now() == NOON
    wall.now += KEPT + timedelta(microseconds=1)
    assert clock.now() == wall.now
    assert clock.steps_back == 0


def test_a_step_back_is_followed_and_said_once(wall: Wall, caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock(None, wall)
    clock.now()
    wall.now -= timedelta(hours=1)
    assert [clock.now(), clock.now()] == [wall.now, wall.now]
    assert clock.steps_back == 1
    (said,) = caplog.messages
    assert "published last for 2025-06-15T12:00:00+00:00, now it is 2025-06-15T11:00:00+00:00" in said


def test_a_step_back_between_two_owners_is_said_by_the_second(wall: Wall) -> None:
    clock = Clock(NOON + timedelta(minutes=10), wall)
    assert clock.now() == NOON
    assert clock.steps_back == 1
