"""An expression is told in the words of its file."""

from __future__ import annotations

import re

import pytest

from tape.store.lineage.words import words_of
from tape.store.query.tree import Node, nodes_in, parse, select_text, select_tree
from tape.store.views.sql_files import sql_objects

VIEWS = [item.name for item in sql_objects() if not item.is_macro or item.is_table_macro]


def words(select: str, name: str) -> str | None:
    """The words of one output of a select."""
    (item,) = (each for each in parse(select)["select_list"] if each["alias"] == name)
    return words_of(select, item, name)


@pytest.mark.parametrize(
    ("expression", "name"),
    [
        ("a + 1", "x"),
        ("coalesce(cast(a as double), 0)", "x"),
        ("(a + b) * c", "x"),
        ("clamp(a, 0, max(b, 1))", "x"),
        ("case when a = 'as x' then 1 else b end", "x"),
        ("list_filter([a, b], lambda flag: flag is not null)", "x"),
        ("(select count(*) from t where t.a = 1)", "x"),
        ("array_value(a, b)[2]", "x"),
        ("count(*) filter (where a > 0) / nullif(count(*), 0)", "x"),
        ("a is not null", "select_like"),
    ],
)
def test_an_output_is_told_in_the_words_of_its_select(expression: str, name: str) -> None:
    assert words(f"select b, {expression} as {name}, c as y from t", name) == expression
    assert words(f"select {expression} as {name} from t", name) == expression
    in_lines = f"with p as (select a from q)\nselect\n    b as first,\n    {expression} as {name},\nfrom p"
    assert words(in_lines, name) == expression


def test_a_member_of_a_struct_is_told_by_its_key() -> None:
    select = "select list({ 'a': x + 1, 'b': { 'c': coalesce(y, 0), 'a': z }, 'd': f(x, y) } order by x) as b from t"
    structs = [each for each in nodes_in(parse(select)["select_list"]) if each.get("function_name") == "struct_pack"]
    outer, inner = structs
    found = [words_of(select, child, child["alias"]) for child in (*outer["children"], *inner["children"])]
    assert found == ["x + 1", "{ 'c': coalesce(y, 0), 'a': z }", "f(x, y)", "coalesce(y, 0)", "z"]


def test_lines_keep_their_own_indents_and_lose_those_of_the_file() -> None:
    select = "select\n    case\n        when a then 1\n    end as x,\nfrom t"
    assert words(select, "x") == "case\n    when a then 1\nend"


@pytest.mark.parametrize("view", VIEWS)
def test_every_named_output_of_every_view_has_its_words(view: str) -> None:
    text = select_text(view)
    for select in _selects(select_tree(view)):
        for item in select["select_list"]:
            if item["alias"] and item["class"] not in ("COLUMN_REF", "STAR"):
                found = words_of(text, item, item["alias"])
                assert found is not None, item["alias"]
                assert found.count("(") == found.count(")"), found
                windows = ", ".join(f"{name} as ()" for name in sorted(_windows(found)))
                assert parse(f"select {found} from t" + (windows and f" window {windows}"))


def _windows(text: str) -> set[str]:
    """Return the windows that an expression names and its select defines."""
    return set(re.findall(r"\bover \(?(\w+)", text)) - {"partition", "order", "rows"}


def _selects(tree: object) -> list[Node]:
    if isinstance(tree, list):
        return [found for item in tree for found in _selects(item)]
    if not isinstance(tree, dict):
        return []
    inner = [found for value in tree.values() for found in _selects(value)]
    return [tree, *inner] if tree.get("type") == "SELECT_NODE" else inner
