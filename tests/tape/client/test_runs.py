"""Runs: processes with one NAV belong together, others are told apart."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tape.client.runs import COUNTS, Run, runs_of
from tests.conftest import AS_OF


def process(name: str, from_h: float, to_h: float, *navs: float, **counts: int) -> dict[str, Any]:
    """A process between two hours; ``navs``: what it told, in order of time."""
    return {
        "process": name,
        "first_ts": AS_OF + timedelta(hours=from_h),
        "last_ts": AS_OF + timedelta(hours=to_h),
        "nav_first_usd": navs[0] if navs else None,
        "nav_last_usd": navs[-1] if navs else None,
        "nav_low_usd": min(navs, default=None),
        "nav_high_usd": max(navs, default=None),
        "navs": len(navs),
        **dict.fromkeys(COUNTS, 0),
        **counts,
    }


def told(runs: list[Run]) -> list[tuple[str, list[str]]]:
    return [(run.kind, run.names) for run in runs]


def test_restarts_go_on_with_the_account() -> None:
    found = runs_of([process("a", 0, 1, 100, 120), process("b", 1, 2, 119, 90), process("c", 3, 4, 92, 92)])
    assert told(found) == [("account", ["a", "b", "c"])]


def test_a_nav_of_its_own_is_told_apart_also_amid_the_life_of_another() -> None:
    live, test = process("live", 0, 9, 2400, 2300, 2450), process("test", 4, 5, 1000, 1000)
    assert told(runs_of([test, live])) == [("account", ["live"]), ("apart", ["test"])]


def test_an_account_may_grow_many_times_within_its_processes() -> None:
    found = runs_of([process("a", 0, 1, 100, 1000), process("b", 1, 2, 1010, 5000), process("c", 2, 3, 4900)])
    assert told(found) == [("account", ["a", "b", "c"])]


def test_test_runs_with_one_nav_are_one_run() -> None:
    processes = [process("live", 0, 9, 100, 100, 100), process("t1", 1, 2, 7, 7), process("t2", 3, 4, 7.1)]
    assert told(runs_of(processes)) == [("account", ["live"]), ("apart", ["t1", "t2"])]


def test_the_account_is_that_with_ticks_however_often_others_told_theirs() -> None:
    processes = [process("demo", 0, 1, *[5.0] * 50), process("live", 0, 1, 100.0, ticks=1)]
    assert told(runs_of(processes)) == [("account", ["live"]), ("apart", ["demo"])]


def test_a_process_without_a_nav_is_listed_by_itself() -> None:
    processes = [process("live", 0, 9, 100), process("silent", 1, 2, attempts=3), process("test", 3, 4, 5)]
    found = runs_of(processes)
    assert told(found) == [("account", ["live"]), ("no NAV told", ["silent"]), ("apart", ["test"])]
    assert (found[1].told()["nav_low_usd"], found[1].told()["attempts"]) == (None, 3)


def test_without_a_nav_there_is_no_account() -> None:
    assert told(runs_of([process("silent", 1, 2)])) == [("no NAV told", ["silent"])]
    assert runs_of([]) == []


def test_a_run_sums_its_processes() -> None:
    (run,) = runs_of([process("a", 0, 1, 100, 120, fills=2), process("b", 2, 3, 110, fills=3)])
    found = run.told()
    assert (found["fills"], found["nav_low_usd"], found["nav_high_usd"]) == (5, 100, 120)
    assert (found["first_ts"], found["last_ts"]) == (AS_OF, AS_OF + timedelta(hours=3))
