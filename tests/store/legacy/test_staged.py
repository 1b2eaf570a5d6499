"""What becomes of the lines of a log before they are stored: equal ones, known ones, long ones, blank ones between."""

from __future__ import annotations

import json

import pytest

from tape.store.legacy.log_lines import MAX_LINE
from tests.store.old_logs import ACK, CLOSE, EXECUTED, VETO, VETOES, LogStore, text

BROKEN = "{broken"


def counted(store: LogStore, log: str = EXECUTED) -> tuple[int, int, int, int]:
    """Lines read, stored, known and rejected of one log, whose folder is imported once more."""
    count = store.load().files[log]
    return count.read, count.stored, count.known, count.rejected


def test_of_equal_refused_lines_as_many_are_new_as_there_are_more_than_before(imported: LogStore) -> None:
    for times in (1, 3, 3, 2):
        imported.load({EXECUTED: f"{BROKEN}\n" * times})
    assert imported.column("line", "rejected_events") == [1, 2, 3]
    assert len(set(imported.column("event_id", "rejected_events"))) == 1, "one md5, told apart by their places"


def test_equal_refused_lines_of_two_logs_are_each_kept(imported: LogStore) -> None:
    imported.load({EXECUTED: f"{BROKEN}\n", VETOES: f"{BROKEN}\n"})
    imported.load({EXECUTED: f"{BROKEN}\n", VETOES: f"{BROKEN}\n{BROKEN}\n"})
    assert sorted(imported.column("source", "rejected_events")) == sorted([EXECUTED, VETOES, VETOES])


def test_equal_lines_are_one_event_and_the_others_known(imported: LogStore) -> None:
    imported.load({EXECUTED: text(CLOSE, ACK, CLOSE, CLOSE)})
    assert len(imported.column("event_id", "order_closes")) == 1
    assert counted(imported) == (4, 0, 4, 0)


def test_of_equal_lines_the_first_is_the_one_that_is_numbered(imported: LogStore) -> None:
    report = imported.load({EXECUTED: text(CLOSE, ACK, CLOSE)})
    count = report.files[EXECUTED]
    assert (count.read, count.stored, count.known, count.rejected) == (3, 2, 1, 0)


@pytest.mark.parametrize(("length", "is_refused"), [(MAX_LINE, False), (MAX_LINE + 1, True)])
def test_a_line_may_be_as_long_as_a_megabyte(imported: LogStore, length: int, is_refused: bool) -> None:
    line = json.dumps({**CLOSE, "note": ""})
    padded = line[:-2] + "x" * (length - len(line)) + line[-2:]
    assert len(padded) == length
    imported.load({EXECUTED: f"{padded}\n"})
    assert len(imported.reasons()) == is_refused
    assert len(imported.column("event_id", "order_closes")) == (not is_refused)
    if is_refused:
        assert imported.reasons() == [f"expected a line of at most {MAX_LINE:,} bytes, found {length:,}"]


def test_a_refused_line_is_told_by_its_own_number_among_blank_ones(imported: LogStore) -> None:
    wrong = json.dumps({**VETO, "symbol": None})
    other = json.dumps({**VETO, "symbol": ""})
    imported.load({VETOES: f"{wrong}\n\n\n{other}\n{text(VETO)}\n"})
    assert imported.column("line", "rejected_events") == [1, 4]


def test_known_lines_before_a_refused_one_do_not_move_its_number(imported: LogStore) -> None:
    imported.load({EXECUTED: text(CLOSE)})
    imported.load({EXECUTED: text(CLOSE) + f"{BROKEN}\n" + text(ACK)})
    assert imported.column("line", "rejected_events") == [2]
    assert counted(imported) == (3, 0, 3, 0)
