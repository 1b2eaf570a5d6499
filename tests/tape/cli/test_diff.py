"""Published folders compared number by number."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tape.doctor.differences import Difference, NothingToCompare, Rules, compare, compare_files, files_of
from tape.exporters.contract import STATE_FILES
from tests.tape.cli.test_app import Ended, fails, tape

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


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two exports of a sample, four hours apart."""
    from examples.sample_logs import write_sample

    home = tmp_path_factory.mktemp("diff")
    write_sample(home / "old", days=0.5)
    assert tape("--home", home, "import", home / "old").code == 0
    for name, instant in (("a", "2025-10-31T20:00:00Z"), ("b", "2025-11-01T00:00:00Z")):
        assert tape("--home", home, "export", "--as-of", instant, "--out", home / name).code == 0
    return home / "a", home / "b"


def test_the_command_says_what_differs_and_ends_with_1(folders: tuple[Path, Path]) -> None:
    a, b = folders
    same = tape("diff", a, a)
    assert same.code == 0
    assert same.out.count("equal") == len(STATE_FILES)
    found = tape("diff", a, b)
    assert found.code == 1
    assert found.err == ""
    assert "more: --all" in found.out
    assert max(map(len, found.out.splitlines()[2:])) <= 100
    whole = json.loads(tape("diff", a, b, "--json").out)["files"]
    assert [each["kind"] for each in whole["nav.json"] if each["path"] == "total_equity"] == ["value"]
    shown = tape("diff", a, b, "--all").out
    assert "total_equity" in shown
    assert "symbols[" in shown, "brackets are no markup"


def test_the_command_refuses_what_is_no_folder(tmp_path: Path) -> None:
    ended: Ended = tape("diff", tmp_path / "x", tmp_path)
    fails(ended, 1, "found nothing at")


def test_the_expected_files_of_the_real_logs_agree(real_logs: Path, tmp_path: Path) -> None:
    instant = "2025-11-05T16:10:00Z"
    assert tape("--home", tmp_path, "import", real_logs).code == 0
    assert tape("--home", tmp_path, "export", "--as-of", instant, "--out", tmp_path / "out").code == 0
    expected = real_logs.parent / "expected_2025-11-05T1610Z"
    # what the old runtime did not know is null there
    unknown = ("gross_exposure_usd", "net_exposure_usd", "largest_position_usd")
    ignored = [word for key in unknown for word in ("--ignore", key)]
    done = tape("diff", expected, tmp_path / "out", "--common", *ignored)
    assert done.code == 0, done.out
