"""SQL as a tree, and a tree as SQL."""

from __future__ import annotations

import pytest

from tape.store.query.tree import macro_parts, parse, select_text, unparse


def test_a_tree_is_sql_again() -> None:
    node = parse("select a from t where b = 1")
    assert parse(unparse(node))["where_clause"]["type"] == node["where_clause"]["type"]


def test_a_macro_is_its_parameters_and_its_expression() -> None:
    assert macro_parts("clamp") == ("clamp(x, lo, hi)", "case when x is not null then greatest(lo, least(hi, x)) end")
    with pytest.raises(ValueError, match="expected a macro"):
        macro_parts("symbol_scores")
    with pytest.raises(ValueError, match="expected a view"):
        select_text("clamp")
