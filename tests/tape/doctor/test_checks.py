"""Several findings make one check, several checks one state."""

from __future__ import annotations

import pytest

from tape.doctor.checks import EXIT_CODES, Check, Finding, State, check_of, first_of, from_json, overall, size, span

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


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.44, "0.4 s"), (42, "42 s"), (180, "3.0 min"), (1800, "30 min"), (7200, "2.0 h"), (10 * 86400, "10 days")],
)
def test_a_span_is_told_in_the_unit_people_use(seconds: float, text: str) -> None:
    assert span(seconds) == text


@pytest.mark.parametrize(("count", "text"), [(812, "812 B"), (1434, "1.4 KB"), (5 * 2**20, "5.0 MB"), (3e9, "2.8 GB")])
def test_a_size_is_told_in_the_unit_people_use(count: int, text: str) -> None:
    assert size(count) == text


def test_the_first_of_several_findings_says_how_many_more_there_are() -> None:
    findings = [Finding(State.BROKEN, f"line {at} is torn", "whole lines", "look") for at in range(3)]
    assert [each.found for each in first_of(findings)] == ["line 0 is torn, and 2 more such"]
    assert first_of(findings[:1]) == findings[:1]
    assert first_of([]) == []
