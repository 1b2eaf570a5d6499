"""The cookbook: questions, the SQL that answers them, and what it answers on the sample home.

Layout of the page: an introduction, then per question a heading, a fence ``sql`` (``sql --as-of T`` for another instant
than the page's), what to look for, and the answer as a table. All but the tables is written by hand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from docs.build.markdown import table
from docs.build.sample_home import AS_OF
from tape.cli.terminal import shown
from tape.client.client import Answer, Client


@dataclass(frozen=True)
class Recipe:
    """One question; ``answer`` is the table as the page shows it."""

    question: str
    sql: str
    as_of: datetime
    look_for: str
    answer: str


class Cookbook(NamedTuple):
    introduction: str
    recipes: list[Recipe]


class CookbookInvalid(ValueError):
    """A question has no SQL, or nothing says what to look for."""


_RECIPE = re.compile(
    r"(?P<question>[^\n]+)\n\n```sql(?: --as-of (?P<as_of>\S+))?\n(?P<sql>.*?)\n```\n\n(?P<look_for>[^|].*?)\n"
    r"(?:\n(?P<answer>\|.*))?\Z",
    re.DOTALL,
)


def parse(text: str) -> Cookbook:
    """The cookbook that a page holds.

    Raises:
        CookbookInvalid: a part of it is no recipe.
    """
    introduction, *parts = text.split("\n## ")
    return Cookbook(introduction.rstrip("\n"), [_recipe(part) for part in parts])


def _recipe(part: str) -> Recipe:
    found = _RECIPE.match(part.rstrip("\n") + "\n")
    if found is None:
        raise CookbookInvalid(f"{part.partition(chr(10))[0]!r}: expected SQL in a fence, then what to look for")
    as_of = AS_OF if found["as_of"] is None else datetime.fromisoformat(found["as_of"])
    return Recipe(found["question"], found["sql"], as_of, found["look_for"], (found["answer"] or "").rstrip("\n"))


def written(book: Cookbook, client: Client) -> str:
    """The page, every question answered anew."""
    return "\n".join([book.introduction, *(line for recipe in book.recipes for line in _lines(recipe, client))]) + "\n"


def _lines(recipe: Recipe, client: Client) -> Iterator[str]:
    option = "" if recipe.as_of == AS_OF else f" --as-of {recipe.as_of.isoformat().replace('+00:00', 'Z')}"
    yield from ("", f"## {recipe.question}", "")
    yield from (f"```sql{option}", recipe.sql, "```", "", recipe.look_for, "")
    yield from answer_table(client.query(recipe.sql, as_of=recipe.as_of))


def answer_table(answer: Answer) -> list[str]:
    """An answer as a table, numbers to the right."""
    numeric = {
        name
        for at, name in enumerate(answer.columns)
        if any(isinstance(row[at], (int, float, Decimal)) and not isinstance(row[at], bool) for row in answer.rows)
    }
    return table(answer.columns, [[shown(value) for value in row] for row in answer.rows], right=numeric)
