"""The check of the structure finds what it looks for."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

HOUSE = runpy.run_path(str(Path(__file__).resolve().parents[1] / ".ci" / "house.py"))


@pytest.mark.parametrize(
    ("imports", "circles"),
    [
        ({"a": {"b"}, "b": {"c"}, "c": set()}, []),
        ({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}, [["a", "b", "c"]]),
        ({"a": {"b"}, "b": {"a"}, "c": {"a", "d"}, "d": {"c"}}, [["a", "b"], ["c", "d"]]),
    ],
)
def test_modules_that_reach_one_another_are_one_circle(imports: dict[str, set[str]], circles: list[list[str]]) -> None:
    assert HOUSE["circles"](imports) == circles


def test_an_import_inside_a_function_is_found_with_and_without_its_reason(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text(
        "import os\n\n\n"
        "def told():\n    import json  # takes long to load\n\n    # only for some\n    import csv\n\n\n"
        "def untold():\n    if os:\n        from math import pi\n"
    )
    assert list(HOUSE["inside"](module)) == [(5, True), (8, True), (13, False)]


def test_comments_are_counted_without_docstrings_and_instructions_to_tools(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text(
        '"""A head\n\n# of three lines."""\n\n# why\n# it is so\nx = 1  # beside\ny = 2  # noqa: X1 (a reason)\n\n'
        'z = "# no comment"\n"""Of z."""\n'
    )
    assert HOUSE["comments"](module) == (3, 3)
    assert HOUSE["comments_per_100"]("store", {"store/a.py": module, "storehouse/b.py": module}) == 100.0
    assert HOUSE["comments_per_100"]("store", {}) == 0.0
