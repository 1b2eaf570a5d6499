"""``make mutants`` finds what no test sees, puts every file back, and says when a mistake cannot be made."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mutants import __main__ as mutants
from tests.mutants.mistakes import MISTAKES, Mistake

SEEN = Mistake("store/x.py", "a < b", "a <= b")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree with one module and the test that mirrors it."""
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "__init__.py").touch()
    (tmp_path / "store" / "x.py").write_text("def is_less(a, b):\n    return a < b or 0\n")
    (tmp_path / "tests" / "store").mkdir(parents=True)
    for folder in ("tests", "tests/store"):
        (tmp_path / folder / "__init__.py").touch()
    (tmp_path / "tests" / "store" / "test_x.py").write_text(
        "from store.x import is_less\n\n\ndef test_it():\n    assert is_less(1, 2)\n    assert not is_less(1, 1)\n"
    )
    return tmp_path


def test_tests_mirror_the_tree_and_all_sql_is_tested_in_one_folder() -> None:
    assert SEEN.tests == ("tests/store/test_x.py",)
    assert Mistake("sql/intel/nav_now.sql", "a", "b").tests == ("tests/sql/test_nav_now.py",)
    other = Mistake("a/b.py", "a", "b", ("tests/c/test_d.py",))
    assert (other.tests, other.room) == (("tests/c/test_d.py",), "tests/c")


def test_a_mistake_whose_text_is_gone_or_stands_twice_cannot_be_made(tree: Path) -> None:
    assert mutants.faults_of(SEEN, tree) == []
    for text, found in (("nowhere", "found it 0 times"), ("a", "found it ")):
        (fault,) = mutants.faults_of(Mistake("store/x.py", text, "z"), tree)
        assert found in fault
    (gone,) = mutants.faults_of(Mistake("store/gone.py", "a", "b"), tree)
    assert gone.endswith("expected a file, found none")
    (untested,) = mutants.faults_of(Mistake("store/x.py", "a < b", "b", ("tests/none.py",)), tree)
    assert "expected tests that mirror the file" in untested


def test_the_run_ends_with_2_where_a_mistake_cannot_be_made(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(mutants, "MISTAKES", (Mistake("store/durable.py", "no such text", "b"),))
    assert mutants.main([]) == 2
    assert "expected its text once in the file, found it 0 times" in capsys.readouterr().err


def test_a_file_is_as_it_was_once_a_mistake_was_tried(tree: Path) -> None:
    path = tree / "store" / "x.py"
    before = path.read_text()
    with mutants.made(SEEN, tree):
        assert "a <= b" in path.read_text()
    assert path.read_text() == before


def test_a_mistake_that_a_test_sees_is_told_from_one_that_none_does(tree: Path) -> None:
    assert mutants.run_tests(tree, SEEN.tests) == 0
    assert mutants.is_seen(SEEN, tree, ask_room=False)
    assert not mutants.is_seen(Mistake("store/x.py", "or 0", "or False"), tree, ask_room=True)


def test_without_tests_nothing_can_be_said(tree: Path) -> None:
    (tree / "tests" / "store" / "test_x.py").write_text("")
    with pytest.raises(mutants.Unusable, match="expected tests, found exit code 5"):
        mutants.run_tests(tree, SEEN.tests)


def test_each_mistake_stands_once_and_changes_something() -> None:
    assert len({(each.file, each.text, each.instead) for each in MISTAKES}) == len(MISTAKES)
    assert all(each.text != each.instead for each in MISTAKES)
