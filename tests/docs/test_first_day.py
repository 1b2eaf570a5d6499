"""The page of a first day: each of its commands runs, and prints what the page shows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs.build.first_day import StepFailed, written
from tests.docs.pages import DOCS

PAGE = (DOCS / "first_day.md").read_text(encoding="utf-8")


def test_the_page_shows_what_its_commands_print(tmp_path: Path) -> None:
    assert written(PAGE, tmp_path) == PAGE, "run `make docs`"
    assert [path.name for path in tmp_path.iterdir() if not path.name.startswith(".")] == ["examples"], "clean up"


def test_there_are_thirteen_tasks_each_with_a_command() -> None:
    _, *tasks = re.split(r"^## ", PAGE, flags=re.MULTILINE)
    assert [int(task.partition(".")[0]) for task in tasks] == list(range(1, 14))
    for task in tasks:
        assert "```sh\n" in task, task.partition("\n")[0]
    assert [task.partition("\n")[0] for task in tasks if "```text\n" not in task] == ["13. Cleaning up"]


def test_what_is_printed_stands_under_its_command(tmp_path: Path) -> None:
    page = "# A\n\n```sh\necho one\necho two\n```\n\n```text\nBEFORE\n```\n\nwords\n\n```sh\necho three > told\n```\n"
    assert written(page, tmp_path) == page.replace("BEFORE", "one\ntwo")
    assert (tmp_path / "told").read_text() == "three\n"


def test_a_command_that_ends_otherwise_than_it_says_is_told(tmp_path: Path) -> None:
    with pytest.raises(StepFailed, match="ended with 3: gone"):
        written("```sh\necho gone >&2; exit 3\n```\n", tmp_path / "a")
    with pytest.raises(StepFailed, match="ended with 0"):
        written("```sh\ntrue  # ends with 1\n```\n", tmp_path / "b")
    page = "```sh\necho lost >&2; exit 1  # ends with 1\n```\n\n```text\n```\n"
    assert written(page, tmp_path / "c").endswith("```text\nlost\n```\n")


def test_an_owner_that_does_not_start_is_told(tmp_path: Path) -> None:
    with pytest.raises(StepFailed, match=r"tape serve --no-such: expected an owner"):
        written("```sh\ntape serve --no-such &\n```\n", tmp_path)
