"""Two JSON values and two folders of published files, compared number by number."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tape.doctor.differences import (
    NAMES,
    Difference,
    NothingToCompare,
    Rules,
    compare,
    compare_files,
    files_of,
    keys_of,
    unknown_keys,
)
from tape.exporters.documents import CLOCKS

NUMBERS = st.floats(allow_nan=True, allow_infinity=True) | st.integers(-(2**60), 2**60)
KEYS = st.sampled_from(["symbol", "t", "score", "items", "a", "b"])
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)


def places(a: Any, b: Any, **rules: Any) -> list[tuple[str, str]]:
    return [(each.path, each.kind) for each in compare(a, b, Rules(**rules))]


@given(JSON)
def test_nothing_differs_from_itself(value: Any) -> None:
    assert places(value, json.loads(json.dumps(value))) == []


@given(JSON, JSON)
def test_a_difference_is_one_from_either_side(a: Any, b: Any) -> None:
    swapped = {"only in A": "only in B", "only in B": "only in A"}
    assert sorted(places(a, b)) == sorted((path, swapped.get(kind, kind)) for path, kind in places(b, a))


@given(st.floats(1e-3, 1e9), st.floats(-0.9, 0.9))
def test_numbers_within_the_tolerance_are_equal_and_others_not(number: float, share: float) -> None:
    assert places(number, number * (1 + share * 1e-6), rel=1e-6, abs=0.0) == []
    assert places(number, number * (1 + 3e-6), rel=1e-6, abs=0.0) == [("", "value")]


def test_objects_of_a_list_are_matched_by_their_name_whatever_their_order() -> None:
    a = {"symbols": [{"symbol": "BTCUSDT", "score": 0.5}, {"symbol": "ETHUSDT", "score": 0.25}]}
    b = {"symbols": [{"symbol": "ETHUSDT", "score": 0.25}, {"symbol": "SOLUSDT", "score": 1}]}
    assert places(a, b) == [("symbols[BTCUSDT]", "only in A"), ("symbols[SOLUSDT]", "only in B")]
    b["symbols"][0]["score"] = 0.5
    assert list(compare(a, b, Rules(only_common=True))) == [Difference("symbols[ETHUSDT].score", "value", 0.25, 0.5)]
    assert places([1, 2], [1, 3, 4]) == [("[1]", "value"), ("[2]", "only in B")]


@pytest.mark.parametrize(
    ("a", "b", "kind"),
    [(None, 0.0, "type"), (True, 1, "type"), ("1", 1, "type"), ({}, [], "type"), (1, 1.0, None), ("x", "y", "value")],
)
def test_a_type_that_differs_is_told_and_an_integer_is_a_number(a: Any, b: Any, kind: str | None) -> None:
    assert places(a, b) == ([] if kind is None else [("", kind)])


def test_clock_keys_are_left_out_and_the_largest_difference_comes_first(tmp_path: Path) -> None:
    a, b = tmp_path / "a.json", tmp_path / "b.json"
    a.write_text('{"updated_ts": 1, "near": 1.0, "far": 1.0, "none": NaN}')
    b.write_text('{"updated_ts": 2, "near": 1.1, "far": 9.0, "none": NaN}')
    assert [each.path for each in compare_files(a, b, Rules())] == ["far", "near"]
    assert [each.path for each in compare_files(a, b, Rules(ignored=frozenset({"far", "near"})))] == ["updated_ts"]


def test_torn_and_missing_files_are_told_in_words(tmp_path: Path) -> None:
    (tmp_path / "whole.json").write_text("{}")
    (tmp_path / "torn.json").write_text('{"a": [1, ')
    (torn,) = compare_files(tmp_path / "torn.json", tmp_path / "whole.json", Rules())
    assert torn.kind == "unreadable"
    assert "column" in torn.a
    (missing,) = compare_files(tmp_path / "whole.json", tmp_path / "gone.json", Rules())
    assert missing.kind == "only in A"


def test_two_folders_or_two_files_are_compared_and_nothing_else(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    with pytest.raises(NothingToCompare, match=r"files such as nav.json, found none"):
        files_of(tmp_path / "a", tmp_path / "b")
    with pytest.raises(NothingToCompare, match="found nothing at"):
        files_of(tmp_path / "a", tmp_path / "c")
    (tmp_path / "a" / "nav.json").write_text("{}")
    with pytest.raises(NothingToCompare, match="two folders or two files"):
        files_of(tmp_path / "a" / "nav.json", tmp_path / "b")
    assert [name for name, *_ in files_of(tmp_path / "a", tmp_path / "b")] == ["nav.json"]


@pytest.mark.parametrize(
    ("a", "b", "rules", "is_equal"),
    [
        (0.0, 1e-9, Rules(), True),
        (0.0, -1e-9, Rules(), True),
        (0.0, 1.1e-9, Rules(), False),
        (1e-12, -1e-12, Rules(), True),
        (0.0, 0.4, Rules(abs=0.5), True),
        (-0.3, 0.3, Rules(abs=0.5), False),
        (100.0, 100.4, Rules(rel=0.0, abs=0.5), True),
        (100.0, 100.4, Rules(rel=0.01, abs=0.0), True),
        (100.0, 102.0, Rules(rel=0.01, abs=0.5), False),
        (0.0, 1e-300, Rules(abs=0.0), False),
        (1e12, 1e12 + 900, Rules(), True),
        (1e12, 1e12 + 1100, Rules(), False),
    ],
)
def test_near_zero_the_absolute_tolerance_decides_and_far_from_it_the_relative_one(
    a: float, b: float, rules: Rules, is_equal: bool
) -> None:
    assert list(compare(a, b, rules)) == ([] if is_equal else [Difference("", "value", a, b)])


@pytest.mark.parametrize(
    ("a", "b", "is_equal"),
    [
        (float("nan"), float("nan"), True),
        (float("inf"), float("inf"), True),
        (float("inf"), float("-inf"), False),
        (float("nan"), 1.0, False),
        (1.0, float("inf"), False),
    ],
)
def test_what_is_no_finite_number_is_equal_to_itself_alone(a: float, b: float, is_equal: bool) -> None:
    assert (list(compare(a, b)) == []) is is_equal


def test_the_size_of_a_difference_is_its_share_of_the_larger_number() -> None:
    sizes = [Difference("", "value", *pair).size for pair in ((1.0, 4.0), (-4.0, 4.0), (0, 0), (0, 5), (True, 5))]
    assert sizes == [0.75, 2.0, 0.0, 1.0, float("inf")]
    assert Difference("", "only in A", 1.0, 4.0).size == float("inf")


def test_the_clocks_of_files_are_left_out_and_nothing_else() -> None:
    assert Rules().ignored == frozenset(CLOCKS)
    assert (Rules().rel, Rules().abs, Rules().only_common) == (1e-9, 1e-9, False)


@pytest.mark.parametrize("name", NAMES)
def test_objects_of_a_list_are_named_only_where_all_of_them_have_a_name_of_their_own(name: str) -> None:
    named = [{name: "x", "v": 1}, {name: "y", "v": 2}]
    assert places(named, named[::-1]) == []
    twice, numbered, partly = [named[0], named[0]], [{name: 1}, {name: 2}], [named[0], {"v": 2}]
    assert places(twice, named) == [(f"[1].{name}", "value"), ("[1].v", "value")]
    assert places(numbered, numbered[::-1]) == [(f"[0].{name}", "value"), (f"[1].{name}", "value")]
    assert places(partly, partly[::-1])[0][0].startswith("[0]")


def test_a_key_of_one_side_alone_is_told_with_its_value_and_side() -> None:
    assert list(compare({"a": 1, "c": {"d": 2}}, {"b": 3, "c": {}})) == [
        Difference("a", "only in A", 1, None),
        Difference("c.d", "only in A", 2, None),
        Difference("b", "only in B", None, 3),
    ]


def test_a_file_that_cannot_be_read_is_told_by_its_side(tmp_path: Path) -> None:
    (tmp_path / "whole.json").write_text("{}")
    (tmp_path / "torn.json").write_text("{")
    (found,) = compare_files(tmp_path / "whole.json", tmp_path / "torn.json", Rules())
    assert (found.kind, found.a) == ("unreadable", None)
    (found,) = compare_files(tmp_path / "gone.json", tmp_path / "whole.json", Rules())
    assert found.kind == "only in B"
    assert compare_files(tmp_path / "gone.json", tmp_path / "whole.json", Rules(only_common=True)) == []


def test_keys_that_no_file_has_are_unknown_at_any_depth(tmp_path: Path) -> None:
    assert list(keys_of({"a": [{"b": 1}], "c": {"d": None}})) == ["a", "c", "b", "d"]
    (tmp_path / "x.json").write_text('{"a": [{"b": 1}]}')
    (tmp_path / "torn.json").write_text('{"z"')
    files = [tmp_path / "x.json", tmp_path / "torn.json", tmp_path / "gone.json"]
    assert unknown_keys(["b", "z", "a", "q"], files) == ["z", "q"]
