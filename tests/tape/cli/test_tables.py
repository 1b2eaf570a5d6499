"""Rows as JSON, as CSV and as a table; columns that do not fit side by side stand in several tables."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from io import StringIO
from typing import Any

import pytest

from tape.cli.tables import _fitting, in_zone, packed, print_table, write_rows
from tape.cli.terminal import MAX_CELL
from tape.client.client import Rows


@pytest.mark.parametrize(
    ("widths", "room", "groups"),
    [
        ([5, 5, 5], 19, [[0, 1, 2]]),  # 15, and two gaps of 2
        ([5, 5, 5], 18, [[0, 1], [0, 2]]),
        ([5, 5, 5], 3, [[0, 1], [0, 2]]),
        ([5, 1, 1, 1, 1], 11, [[0, 1, 2], [0, 3, 4]]),
        ([5], 1, [[0]]),
    ],
)
def test_columns_are_led_by_the_first_one_in_each_table(widths: list[int], room: int, groups: list[list[int]]) -> None:
    assert packed(widths, room, 2) == groups


AT = datetime(2025, 11, 5, 16, 10, tzinfo=UTC)
ZONE = timezone(timedelta(hours=2))
TYPES = ["VARCHAR", "BIGINT", "TIMESTAMP WITH TIME ZONE", "STRUCT(a BIGINT)", "JSON", "DOUBLE"]
ROWS = [("x", 1, AT, {"a": 2}, '{"b": [1]}', 0.5), (None, None, None, None, None, float("nan"))]


def printed(output: str, batches: list[list[tuple[Any, ...]]], zone: tzinfo = UTC) -> tuple[str, int]:
    file = StringIO()
    count = write_rows(Rows(list("stidjn"), TYPES, iter(batches)), output, file, zone)
    return file.getvalue(), count


def test_rows_are_one_json_list_however_they_come() -> None:
    expected = [
        {"s": "x", "t": 1, "i": "2025-11-05T16:10:00Z", "d": {"a": 2}, "j": {"b": [1]}, "n": 0.5},
        dict.fromkeys("stidjn"),
    ]
    for batches in ([ROWS], [ROWS[:1], [], ROWS[1:]]):
        text, count = printed("json", batches)
        assert (json.loads(text), count, text[-2:]) == (expected, 2, "]\n")


@pytest.mark.parametrize("batches", [[], [[]]])
def test_no_rows_are_an_empty_list(batches: list[list[tuple[Any, ...]]]) -> None:
    assert printed("json", batches) == ("[]\n", 0)


def test_csv_has_a_head_and_an_empty_field_for_what_is_unknown() -> None:
    text, count = printed("csv", [ROWS[:1], [(None, 0, None, None, None, None)]])
    assert (text.splitlines(), count) == (
        ["s,t,i,d,j,n", 'x,1,2025-11-05T16:10:00Z,"{""a"": 2}","{""b"": [1]}",0.5', ",0,,,,"],
        2,
    )
    assert printed("csv", []) == ("s,t,i,d,j,n\n", 0)


def test_instants_are_written_in_the_zone_that_is_asked_for_and_nothing_else_changes() -> None:
    moved = in_zone([(AT, AT, None)], ["TIMESTAMP WITH TIME ZONE", "VARCHAR", "TIMESTAMP WITH TIME ZONE"], ZONE)
    assert [list(row) for row in moved] == [[AT, AT, None]]
    assert [str(value.tzinfo) for value in moved[0][:2]] == ["UTC+02:00", "UTC"]
    rows = [(AT,)]
    assert in_zone(rows, ["TIMESTAMP WITH TIME ZONE"], UTC) is rows
    assert in_zone(rows, ["VARCHAR"], ZONE) is rows
    assert printed("csv", [ROWS[:1]], ZONE)[0].splitlines()[1].startswith("x,1,2025-11-05T18:10:00+02:00,")


def test_a_table_has_its_title_numbers_to_the_right_and_all_rows(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["name", "count", "mixed"], [("a", 1, None), ("bbbbbb", 12345, 2.5)], "Title")
    printed_lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    title, head, *lines = [line for line in printed_lines if line.strip(" -─━")]
    assert title == "Title"
    assert head.split() == ["name", "count", "mixed"]
    assert [row.split() for row in lines] == [["a", "1", "-"], ["bbbbbb", "12345", "2.5"]]
    assert lines[0].index("1") == lines[1].index("5"), "both end in one column"
    assert lines[0].index("a") == lines[1].index("b"), "both begin in one column"


def test_columns_fit_up_to_the_last_but_one_place_of_a_line() -> None:
    names, rows = ["aaaa", "bbbb", "cccc"], [["x", "xxxxxx", ""]]
    assert _fitting(names, rows, 4 + 3 + 6 + 3 + 4 + 1) == [[0, 1, 2]]
    assert _fitting(names, rows, 4 + 3 + 6 + 3 + 4) == [[0, 1], [0, 2]]
    wide = [["x" * 1000, "", ""]]
    assert _fitting(names, wide, MAX_CELL + 3 + 4 + 3 + 4 + 1) == [[0, 1, 2]]
