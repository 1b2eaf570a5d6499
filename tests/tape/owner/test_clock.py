"""The instants to publish for: they go back only when the wall clock does, by more than a correction."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tape.owner.clock import KEPT, Clock

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


class Machine:
    """Three clocks of a machine: the wall's can be set, the one since boot goes on in sleep, the third stands still."""

    def __init__(self) -> None:
        self.wall, self.boot_s, self.awake_s = NOON, 100.0, 100.0
        self.clock = Clock(None, lambda: self.wall, lambda: self.boot_s, lambda: self.awake_s)

    def passes(self, seconds: float, *, asleep: bool = False) -> None:
        self.wall += timedelta(seconds=seconds)
        self.boot_s += seconds
        self.awake_s += 0.0 if asleep else seconds


def test_time_that_passes_is_no_step_however_long_nobody_looked() -> None:
    machine = Machine()
    machine.clock.now()
    machine.passes(86_400)
    assert machine.clock.now() == NOON + timedelta(days=1)
    assert (machine.clock.breaks, machine.clock.last_step) == (0, None)


@pytest.mark.parametrize(("by_s", "way"), [(3600.0, "forward by 60 min"), (-3600.0, "back by 60 min")])
def test_a_step_is_followed_said_once_and_kept(by_s: float, way: str, caplog: pytest.LogCaptureFixture) -> None:
    machine = Machine()
    machine.clock.now()
    machine.passes(10)
    machine.wall += timedelta(seconds=by_s)
    assert machine.clock.now() == NOON + timedelta(seconds=10 + by_s)
    machine.passes(10)
    assert machine.clock.now() == NOON + timedelta(seconds=20 + by_s)
    assert machine.clock.breaks == 1
    assert machine.clock.last_step is not None
    assert machine.clock.last_step.by_s == by_s
    assert [message for message in caplog.messages if way in message] == caplog.messages


def test_a_correction_forward_is_no_step() -> None:
    machine = Machine()
    machine.clock.now()
    machine.passes(1)
    machine.wall += KEPT
    assert machine.clock.now() == machine.wall
    assert machine.clock.breaks == 0


def test_a_machine_that_slept_is_told_and_its_clock_was_not_set(caplog: pytest.LogCaptureFixture) -> None:
    machine = Machine()
    machine.clock.now()
    machine.passes(7200, asleep=True)
    assert machine.clock.now() == NOON + timedelta(hours=2)
    assert (machine.clock.sleeps, machine.clock.steps_forward, machine.clock.breaks) == (1, 0, 1)
    assert caplog.messages == ["the machine slept for 2.0 h: nothing was stored or published meanwhile"]


@pytest.mark.parametrize("by_s", [2.1, -2.1])
def test_steps_are_counted_by_their_way_and_kept_with_their_size(wall: Wall, by_s: float) -> None:
    clock = Clock(None, wall, boot_s=lambda: 100.0, awake_s=lambda: 50.0)
    clock.now()
    wall.now += timedelta(seconds=by_s)
    clock.now()
    assert (clock.steps_forward, clock.steps_back, clock.sleeps, clock.breaks) == (by_s > 0, by_s < 0, 0, 1)
    assert clock.last_step is not None
    assert (clock.last_step.at, round(clock.last_step.by_s, 6), clock.last_step.boot_s) == (wall.now, by_s, 100.0)


@pytest.mark.parametrize(("asleep_s", "sleeps"), [(2.0, 0), (2.1, 1)])
def test_time_asleep_is_a_sleep_and_no_step(wall: Wall, asleep_s: float, sleeps: int) -> None:
    boot = [100.0]
    clock = Clock(None, wall, boot_s=lambda: boot[0], awake_s=lambda: 50.0)
    clock.now()
    boot[0] += asleep_s
    wall.now += timedelta(seconds=asleep_s)
    clock.now()
    assert (clock.sleeps, clock.steps_forward, clock.steps_back) == (sleeps, 0, 0)
