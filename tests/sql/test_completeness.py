"""The rules of ``sql/``: every file has a test, a head and a layer, the base alone reads clocks, files have views."""

import re
from pathlib import Path

import pytest

from tape.exporters.contract import STATE_FILES
from tape.store.schema import EVENT_TABLES
from tape.store.views.sql_files import LAYERS, SqlObject, sql_objects

HERE = Path(__file__).parent
OBJECTS = pytest.mark.parametrize("item", sql_objects(), ids=lambda item: item.name)
CODE = re.compile(r"--[^\n]*|'(?:[^']|'')*'")


def code(item: SqlObject) -> str:
    """The text of a file without comments and literals."""
    return CODE.sub(" ", item.text).lower()


@OBJECTS
def test_every_object_has_its_test(item: SqlObject) -> None:
    name = "seen" if item.name.startswith("seen_") else item.name
    assert (HERE / f"test_{name}.py").is_file() or is_tested_elsewhere(name)


def is_tested_elsewhere(name: str) -> bool:
    """Whether the head of another view's test says that it tests this one too: a part of that view."""
    heads = (path.read_text(encoding="utf-8").split('"""')[1] for path in HERE.glob("test_*.py"))
    return any(re.search(rf"\b{name}\b", head) for head in heads)


def test_every_test_file_has_its_object() -> None:
    others = {"seen", "completeness", "empty_store"}
    tested = {path.stem.removeprefix("test_") for path in HERE.glob("test_*.py")} - others
    assert tested <= {item.name for item in sql_objects()}


def test_every_table_is_seen() -> None:
    seen = {item.name.removeprefix("seen_") for item in sql_objects() if item.name.startswith("seen_")}
    assert seen == set(EVENT_TABLES)


def test_every_state_file_has_its_view_among_the_documents() -> None:
    documents = {item.name for item in sql_objects() if item.layer == "documents" and not item.is_macro}
    assert {file.view for file in STATE_FILES} <= documents
    assert {name for name in documents if name.endswith("_document")} == {file.view for file in STATE_FILES}


@OBJECTS
def test_every_file_begins_with_a_head_comment(item: SqlObject) -> None:
    assert item.text.startswith("-- ")
    assert item.head.endswith(".")


@OBJECTS
def test_every_file_holds_one_object_named_after_it(item: SqlObject) -> None:
    made = re.findall(r"\bcreate\s+(?:or\s+replace\s+)?(?:macro|view|table)\s+(\w+)", code(item))
    assert made == ([item.name] if item.is_macro else [])


@OBJECTS
def test_only_the_base_reads_the_clocks(item: SqlObject) -> None:
    clocks = r"\b(as_of|known_seq|now|today|getvariable)\s*\(|\bcurrent_(timestamp|date|time)\b"
    if item.layer != "base":
        assert re.search(clocks, code(item)) is None


@OBJECTS
def test_only_as_of_reads_the_wall_clock(item: SqlObject) -> None:
    if item.name != "as_of":
        assert re.search(r"\b(now|today)\s*\(|\bcurrent_(timestamp|date|time)\b", code(item)) is None


@OBJECTS
def test_only_views_named_seen_read_tables(item: SqlObject) -> None:
    read = {name for name in EVENT_TABLES if re.search(rf"\b(from|join)\s+{name}\b", code(item))}
    assert read == ({item.name.removeprefix("seen_")} if item.name.startswith("seen_") else set())


@OBJECTS
def test_layers_read_from_their_own_and_from_below(item: SqlObject) -> None:
    layers = {other.name: other.layer for other in sql_objects()}
    allowed = LAYERS[: LAYERS.index(item.layer) + 1]
    assert {layers[name] for name in item.reads} <= set(allowed)
