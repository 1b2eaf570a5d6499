"""Several findings make one check, several checks one state."""

from __future__ import annotations

import pytest

from tape.doctor.checks import (
    EXIT_CODES,
    Check,
    Finding,
    State,
    age,
    check_of,
    first_of,
    from_json,
    overall,
    size,
)

LATE = Finding(State.DEGRADED, "late", "in time", "wait")
GONE = Finding(State.BROKEN, "gone", "there", "bring it back")


def test_the_worst_finding_names_the_state_the_expectation_and_the_advice() -> None:
    check = check_of("files", "nav.json", [LATE, GONE], fine="new", expected="all well")
    assert check == Check("files", "nav.json", State.BROKEN, "gone; late", "there", "bring it back")


def test_nothing_found_is_fine() -> None:
    assert check_of("files", "x", [], fine="new", expected="all well") == Check(
        "files", "x", State.OK, "new", "all well"
    )


def test_the_overall_state_is_the_worst_and_has_its_exit_code() -> None:
    checks = [check_of("g", str(number), found, fine="", expected="") for number, found in enumerate(([], [LATE]))]
    assert overall(checks) is State.DEGRADED
    assert overall([*checks, check_of("g", "2", [GONE], fine="", expected="")]) is State.BROKEN
    assert overall([]) is State.OK
    assert [EXIT_CODES[state] for state in State] == [0, 1, 2]


def test_a_check_comes_through_json_as_it_was() -> None:
    check = check_of("files", "nav.json", [GONE], fine="", expected="")
    assert from_json(check.as_json()) == check


@pytest.mark.parametrize(("count", "text"), [(812, "812 B"), (1434, "1.4 KB"), (5 * 2**20, "5.0 MB"), (3e9, "2.8 GB")])
def test_a_size_is_told_in_the_unit_people_use(count: int, text: str) -> None:
    assert size(count) == text


def test_the_first_of_several_findings_says_how_many_more_there_are() -> None:
    findings = [Finding(State.BROKEN, f"line {at} is torn", "whole lines", "look") for at in range(3)]
    assert [each.found for each in first_of(findings)] == ["line 0 is torn, and 2 more such"]
    assert first_of(findings[:1]) == findings[:1]
    assert first_of([]) == []


@pytest.mark.parametrize(("seconds", "text"), [(60, "60 s old"), (0, "0.0 s old"), (-60, "dated 60 s ahead")])
def test_an_age_ahead_of_the_clock_is_said_as_such(seconds: float, text: str) -> None:
    assert age(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 KB"),
        (102_400, "100 KB"),
        (999 * 1024, "999 KB"),
        (1000 * 1024, "1.0 MB"),
        (1000 * 2**20, "1.0 GB"),
        (5000 * 2**30, "5,000.0 GB"),
    ],
)
def test_a_size_changes_its_unit_at_a_thousand(count: int, text: str) -> None:
    assert size(count) == text


def test_two_findings_are_the_first_and_one_more() -> None:
    assert [each.found for each in first_of([LATE, GONE])] == ["late, and 1 more such"]
    (first,) = first_of([LATE, GONE])
    assert (first.state, first.expected, first.advice) == (State.DEGRADED, "in time", "wait")


def test_findings_of_one_state_stay_in_their_order() -> None:
    other = Finding(State.DEGRADED, "slow", "fast", "push")
    check = check_of("files", "x", [LATE, other], fine="new", expected="all well")
    assert (check.found, check.advice) == ("late; slow", "wait")


@pytest.mark.parametrize(("follows", "expected"), [((True, True), True), ((True, False), False), ((False,), False)])
def test_a_check_would_be_well_with_an_owner_if_all_it_found_would(follows: tuple[bool, ...], expected: bool) -> None:
    findings = [Finding(State.DEGRADED, "x", "y", "z", follows=each) for each in follows]
    check = check_of("files", "x", findings, fine="new", expected="y")
    assert check.follows is expected
    assert "follows" not in check.as_json()
