"""Every query of the cookbook is one that may be asked, and answers what the page shows."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from docs.build.cookbook import CookbookInvalid, Recipe, answer_table, parse, written
from docs.build.sample_home import make_home
from tape.client.client import Client
from tests.conftest import GivenRows, ago
from tests.docs.pages import DOCS
from tests.tape.owners import Serving

PAGE = DOCS / "cookbook.md"
BOOK = parse(PAGE.read_text(encoding="utf-8"))
RECIPE = pytest.mark.parametrize("recipe", BOOK.recipes, ids=lambda recipe: recipe.question)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample home; tests only read it."""
    folder = tmp_path_factory.mktemp("cookbook")
    make_home(folder)
    return folder


def test_the_page_is_up_to_date(home: Path) -> None:
    assert written(BOOK, Client(home)) == PAGE.read_text(encoding="utf-8"), "run `make docs`"


def test_there_are_twenty_questions_at_least() -> None:
    assert len({recipe.question for recipe in BOOK.recipes}) == len(BOOK.recipes) >= 20
    assert [recipe.question for recipe in BOOK.recipes if not recipe.question.endswith("?")] == []


@pytest.mark.rows(3)
@RECIPE
def test_it_answers_with_the_columns_that_are_shown(recipe: Recipe, home: Path) -> None:
    answer = Client(home).query(recipe.sql, as_of=recipe.as_of)
    assert 1 <= len(answer.rows) <= 13
    assert recipe.answer.splitlines()[0] == f"| {' | '.join(answer.columns)} |"


@pytest.mark.thorough
def test_a_running_owner_gives_the_same_answers(home: Path, tmp_path: Path) -> None:
    shutil.copytree(home, tmp_path / "home")
    kept = {"TAPE_STORE__EXPORTS_DAYS": "100000", "TAPE_STORE__MARKS_DAYS": "100000"}
    with Serving(tmp_path / "home", **kept) as owner:
        for recipe in BOOK.recipes:
            answer = Client(owner.home).query(recipe.sql, as_of=recipe.as_of)
            assert "\n".join(answer_table(answer)) == recipe.answer, recipe.question


def test_three_gains_are_no_verdict(store: GivenRows) -> None:
    for at in range(3):
        store.close("BTCUSDT", 5.0 + at, ago(hours=at + 1))
    for question in ("Which symbols surely make or lose money?", "Which hours of the day lose money?"):
        (recipe,) = (each for each in BOOK.recipes if each.question == question)
        rows = store.rows(recipe.sql)
        assert rows
        assert {row["verdict"] for row in rows} == {"too few"}, question


@pytest.mark.parametrize("part", ["## No SQL?\n\nLook.\n", "## Nothing said?\n\n```sql\nselect 1\n```\n\n| a |\n"])
def test_a_part_that_is_no_recipe_is_told(part: str) -> None:
    with pytest.raises(CookbookInvalid, match="expected SQL in a fence, then what to look for"):
        parse(f"# Book\n\n{part}")
