"""Every promise names tests that exist, and every file of fault tests stands behind a promise."""

from __future__ import annotations

import re
from importlib import import_module

from tests.docs.pages import DOCS, PROJECT

_FAULTS = PROJECT / "tests" / "faults"
_PROMISED = (DOCS / "reliability.md").read_text(encoding="utf-8").partition("## What is not promised")[0]
_PROMISES = [line for line in _PROMISED.splitlines() if line.startswith("| ") and "test_" in line]


def functions_of(file: str) -> set[str]:
    return set(re.findall(r"^def (test_\w+)", (_FAULTS / file).read_text(encoding="utf-8"), re.MULTILINE))


def test_every_promise_names_tests_that_exist() -> None:
    assert len(_PROMISES) > 10
    for line in _PROMISES:
        (file,) = re.findall(r"`(test_\w+\.py)`", line)
        named = set(re.findall(r"`(test_\w+)`", line))
        assert named, line
        assert named <= functions_of(file), file


def test_every_promise_is_tried_by_make_test() -> None:
    """A named test may leave rows to ``make check``, but never itself."""
    for line in _PROMISES:
        (file,) = re.findall(r"`(test_\w+)\.py`", line)
        module = import_module(f"tests.faults.{file}")
        for name in re.findall(r"`(test_\w+)`", line):
            marks = {mark.name for mark in getattr(getattr(module, name), "pytestmark", [])}
            assert not marks & {"thorough", "slow"}, name


def test_every_file_of_the_fault_suite_stands_behind_a_promise() -> None:
    named = set(re.findall(r"`(test_\w+\.py)`", "\n".join(_PROMISES)))
    assert named == {path.name for path in _FAULTS.glob("test_*.py")}
