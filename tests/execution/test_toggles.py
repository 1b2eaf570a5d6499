"""Switched-off symbols: published ones, the guard's own, and what ops make of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tape.execution.day import Day
from tape.execution.toggles import Toggles

NOW = datetime(2025, 11, 1, 12, tzinfo=UTC)
END = datetime(2025, 11, 2, tzinfo=UTC)
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)


def lost(usd: float, symbol: str = "BTCUSDT", now: datetime = NOW) -> Day:
    """A day that began with 10,000 USD, of which a symbol has lost some."""
    day = Day("UTC")
    day.see(now, 10_000.0)
    day.realize(now, symbol, -usd)
    return day


def test_the_cap_switches_off_until_the_end_of_the_day_once() -> None:
    toggles = Toggles()
    assert toggles.guard(NOW, lost(99.99), 1.0) == []
    (toggle,) = toggles.guard(NOW, lost(100.0), 1.0)
    assert (toggle.ts, toggle.symbol, toggle.is_disabled, toggle.until_ts) == (NOW, "BTCUSDT", True, END)
    assert toggle.reason == "lost 1 % of the day's NAV"
    assert toggles.guard(NOW + SECOND, lost(150.0), 1.0) == []
    assert toggles.disabled(NOW) == {"BTCUSDT": END}
    assert toggles.disabled(END) == {}


def test_the_next_day_switches_off_again() -> None:
    toggles, tomorrow = Toggles(), NOW + timedelta(days=1)
    assert toggles.guard(NOW, lost(100.0), 1.0)
    assert toggles.guard(tomorrow, lost(100.0, now=tomorrow), 1.0)


def test_without_a_cap_or_a_start_of_the_day_nothing_is_switched_off() -> None:
    assert Toggles().guard(NOW, lost(5000.0), None) == []
    assert Toggles().guard(NOW, Day("UTC"), 1.0) == []


def test_the_newest_readable_snapshot_holds() -> None:
    toggles = Toggles()
    toggles.read((NOW, {"ETHUSDT": None, "SOLUSDT": NOW + SECOND}))
    toggles.read(None)
    assert toggles.disabled(NOW) == {"ETHUSDT": None, "SOLUSDT": NOW + SECOND}
    assert toggles.disabled(NOW + SECOND) == {"ETHUSDT": None}
    toggles.read((NOW + SECOND, {}))
    assert toggles.disabled(NOW + SECOND) == {}


def test_an_own_toggle_holds_until_a_snapshot_must_have_it() -> None:
    toggles = Toggles()
    toggles.guard(NOW, lost(100.0), 1.0)
    toggles.read((NOW + SECOND, {}))
    assert toggles.disabled(NOW + SECOND) == {"BTCUSDT": END}
    toggles.read((NOW + HOUR, {"BTCUSDT": END}))
    assert toggles.disabled(NOW + HOUR) == {"BTCUSDT": END}


def test_what_ops_switched_on_again_takes_another_cap() -> None:
    toggles = Toggles()
    toggles.guard(NOW, lost(120.0), 1.0)
    toggles.read((NOW + HOUR, {}))
    assert toggles.disabled(NOW + HOUR) == {}
    assert toggles.guard(NOW + HOUR, lost(219.0), 1.0) == []
    assert len(toggles.guard(NOW + HOUR, lost(220.0), 1.0)) == 1


def test_a_shorter_toggle_of_ops_is_prolonged_and_a_longer_one_left_alone() -> None:
    toggles = Toggles()
    toggles.read((NOW, {"BTCUSDT": NOW + HOUR}))
    (toggle,) = toggles.guard(NOW, lost(100.0), 1.0)
    assert toggle.until_ts == END
    toggles.read((NOW, {"ETHUSDT": None}))
    assert toggles.guard(NOW, lost(100.0, "ETHUSDT"), 1.0) == []
