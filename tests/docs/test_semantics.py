"""The page of what the numbers mean names every published key, once, and its worked examples come out."""

from __future__ import annotations

import re
import types
from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Any, Union, get_args, get_origin

import pytest

from tape.exporters.contract import STATE_FILES, StateFile
from tape.exporters.inputs import inputs_of
from tape.exporters.shapes import Shape, StateDocument
from tests.conftest import GivenRows
from tests.docs.pages import DOCS, PROJECT

PAGE = (DOCS / "semantics.md").read_text(encoding="utf-8")
_ROW = re.compile(r"^\| (.+?) \|", re.MULTILINE)
_CODE = re.compile(r"`([^`]+)`")
_EXAMPLE = re.compile(r"^\| `(\w+\([^`]*\))` \| `([^`]+)` \|", re.MULTILINE)


def paths(model: type[Shape], before: str = "") -> Iterator[str]:
    """The keys of a file with the keys below them: ``symbols[].policy.reason``; ``hours.*`` where names vary."""
    for name, field in model.model_fields.items():
        yield from _below(field.annotation, f"{before}{field.alias or name}")


def _below(kind: Any, path: str) -> Iterator[str]:
    origin = get_origin(kind)
    if origin is Annotated:
        yield from _below(get_args(kind)[0], path)
    elif origin in (Union, types.UnionType):
        shapes = [each for each in get_args(kind) if isinstance(each, type) and issubclass(each, Shape)]
        yield from (found for shape in shapes[:1] for found in _below(shape, path)) if shapes else [path]
    elif origin is list:
        yield from _below(get_args(kind)[0], f"{path}[]")
    elif origin is dict and isinstance(get_args(kind)[1], type) and issubclass(get_args(kind)[1], Shape):
        yield from _below(get_args(kind)[1], f"{path}.*")
    elif isinstance(kind, type) and issubclass(kind, Shape):
        yield from paths(kind, f"{path}.")
    else:
        yield path


def described(file: StateFile) -> set[str]:
    """The keys that the file's table names; a row ends with ``..`` where the keys below it stand in another table."""
    (part,) = re.findall(rf"^### `{re.escape(file.name)}`$(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL)
    return {key for cell in _ROW.findall(part) for key in _CODE.findall(cell)}


def is_described(path: str, keys: set[str]) -> bool:
    return path in keys or any(path.startswith(key.removesuffix("..")) for key in keys if key.endswith(".."))


@pytest.mark.parametrize("file", STATE_FILES, ids=lambda file: file.stem)
def test_every_published_key_has_its_entry(file: StateFile) -> None:
    keys = described(file)
    published = [path for path in paths(file.model) if path not in StateDocument.model_fields]
    assert [path for path in published if not is_described(path, keys)] == []
    bases = {path.replace("[]", "") for path in published} | set(published)
    assert [key for key in keys if not any(path.startswith(key.removesuffix("..")) for path in bases)] == []


def stopped_inputs() -> str:
    """The section about inputs that stopped."""
    return PAGE.partition('<a id="stopped"></a>')[2].partition("\n## ")[0]


def test_the_keys_that_every_file_may_have_are_told_once() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", stopped_inputs(), re.MULTILINE)
    assert [PAGE.count(f"\n| `{key}` |") for key in StateDocument.model_fields] == [1, 1]
    assert StateDocument.model_fields.keys() <= set(rows)


@pytest.mark.parametrize("file", STATE_FILES, ids=lambda file: file.stem)
def test_the_inputs_of_each_file_are_those_of_its_sql(file: StateFile) -> None:
    (cell,) = re.findall(rf"^\| `{re.escape(file.name)}` \| ([^|;]*)", stopped_inputs(), re.MULTILINE)
    assert set(_CODE.findall(cell)) == inputs_of(file.view)


def test_the_inputs_are_those_of_their_view(store: GivenRows) -> None:
    listed = {row["input"] for row in store.rows("inputs_now")}
    assert listed <= set(re.findall(r"^\| `(\w+)` \|", stopped_inputs(), re.MULTILINE))


def test_the_worked_examples_come_out(store: GivenRows) -> None:
    examples = _EXAMPLE.findall(PAGE)
    assert len(examples) >= 40
    for expression, expected in examples:
        found = store.value(expression)
        if isinstance(found, (float, Decimal)):
            assert float(found) == pytest.approx(float(expected), rel=5e-6, abs=5e-7), expression
        else:
            assert str(found) == expected, expression


def test_every_link_into_the_page_leads_to_a_section() -> None:
    anchors = set(re.findall(r'<a id="([a-z-]+)"></a>', PAGE))
    cited = {
        (path.name, found)
        for path in [*(PROJECT / "tape" / "sql").rglob("*.sql")]
        for found in re.findall(r"semantics\.md#([a-z-]+)", path.read_text(encoding="utf-8"))
    }
    assert [each for each in sorted(cited) if each[1] not in anchors] == []
