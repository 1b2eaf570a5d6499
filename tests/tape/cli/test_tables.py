"""Columns that do not fit side by side stand in several tables."""

from __future__ import annotations

import pytest

from tape.cli.tables import packed


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
