"""A line that is missing, doubled, unknown, edited, torn or late is told apart; what is under way is no finding."""

from __future__ import annotations

import pytest

from tape.doctor import logs
from tape.doctor.checks import State

ROWS = logs.Rows(written=["a", "b", "c", "d"], waiting=["e"])


def found(*ids: str) -> list[str]:
    return [each.found for each in logs.rows_findings(ids, ROWS)]


@pytest.mark.parametrize("ids", ["", "d", "cd", "abcd", "abcde", "bcde"])
def test_a_run_of_rows_up_to_the_watermark_or_behind_it_is_right(ids: str) -> None:
    assert found(*ids) == []


def test_a_missing_doubled_unknown_or_misplaced_line_is_named() -> None:
    assert found("a", "c", "d") == ["missing: 1 of 4 lines, the first b"]
    assert found("a", "b", "c") == ["missing: 1 of 4 lines, the first d"]
    assert found("a", "b", "b", "c", "d") == ["doubled: event_id b stands in 2 lines"]
    assert found("a", "b", "x", "c", "d") == ["event_id x is not known to the database"]
    assert found("a", "c", "b", "d") == ["lines are out of order"]
    elsewhere = logs.Rows(written=["a"], known_elsewhere=frozenset({"x"}))
    assert [each.found for each in logs.rows_findings(["x", "a"], elsewhere)] == ["event_id x is out of its place"]


def test_lines_without_event_id_are_an_old_runtimes_and_stand_before_all_others() -> None:
    assert logs.parsed(logs.Tail(9, (b'{"old": 1}', b'{"event_id": "a"}'))) == ([{"event_id": "a"}], [])
    _, (late,) = logs.parsed(logs.Tail(9, (b'{"event_id": "a"}', b'{"old": 1}')))
    assert late.found == "line 1 from the end has no event_id"
    _, (torn,) = logs.parsed(logs.Tail(9, (b'{"event_id": "a"}', b'{"event_', b'{"event_id": "b"}')))
    assert torn.found.startswith("line 2 from the end is no JSON object")


def test_a_log_holds_as_much_as_was_written() -> None:
    whole = logs.Tail(100, (b"{}",))
    assert list(logs.size_findings(whole, 100)) == []
    assert list(logs.size_findings(None, 0)) == []
    for tail, offset, word in ((None, 5, "missing"), (whole, 120, "cut"), (logs.Tail(100, (), b"{"), 100, "torn")):
        (finding,) = logs.size_findings(tail, offset)
        assert (finding.state, finding.found.partition(":")[0]) == (State.BROKEN, word)


def test_a_row_may_wait_a_few_seconds_for_its_line() -> None:
    assert list(logs.lateness(None)) == list(logs.lateness(4.9)) == []
    assert [each.state for each in logs.lateness(6)] == [State.DEGRADED]
    assert [each.state for each in logs.lateness(61)] == [State.BROKEN]


def test_a_computed_line_that_its_content_does_not_make_was_edited() -> None:
    good, bad = {"event_id": "1", "ts": 5}, {"event_id": "2", "ts": 6}
    assert list(logs.computed_findings([(good, good)])) == []
    (finding,) = logs.computed_findings([(good, good), (bad, {"event_id": "3"})])
    assert finding.found == "edited: the line of ts 6 is not that of its event_id 2"


def test_what_keeps_the_owner_from_writing_stands_in_the_line() -> None:
    check = logs.log_check("x.jsonl", [], "no space left", fine="")
    assert (check.state, check.found) == (State.BROKEN, "cannot be written: no space left")
