"""The reference says what the code and the database say, and leaves out nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs.build.__main__ import reference_pages
from docs.build.markdown import anchor, table
from docs.build.settings import settings_page
from tape.exporters.contract import STATE_FILES
from tape.exporters.json_schema import schema_files
from tape.store.schema import METADATA
from tape.store.views.sql_files import sql_objects
from tests.docs.pages import DOCS

REFERENCE = DOCS / "reference"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return reference_pages(tmp_path_factory.mktemp("reference"))


def headings(text: str) -> set[str]:
    return set(re.findall(r"^#+ (.+)$", text, re.MULTILINE))


def test_it_is_up_to_date(pages: dict[str, str]) -> None:
    written = {path.name: path.read_text(encoding="utf-8") for path in REFERENCE.iterdir()}
    assert written == pages, "run `make docs`"


def test_the_schemas_are_up_to_date() -> None:
    written = {path.name: path.read_bytes() for path in (DOCS / "schema").iterdir()}
    assert written == schema_files(), "run `make docs`"


def test_it_is_the_same_every_time(pages: dict[str, str], tmp_path: Path) -> None:
    assert reference_pages(tmp_path) == pages


def test_every_table_view_macro_and_file_has_its_section(pages: dict[str, str]) -> None:
    assert METADATA.tables.keys() <= headings(pages["tables.md"])
    assert {item.name for item in sql_objects() if not item.is_macro} <= headings(pages["views.md"])
    assert {item.name for item in sql_objects() if item.is_macro} <= headings(pages["macros.md"])
    assert {file.name for file in STATE_FILES} <= headings(pages["files.md"])


def test_no_row_is_without_its_meaning(pages: dict[str, str]) -> None:
    for name, text in pages.items():
        empty = [line for line in text.splitlines() if line.startswith("|") and line.endswith("|  |")]
        assert empty == [], name


def test_no_page_names_what_a_reader_does_not_have(pages: dict[str, str]) -> None:
    for name, text in pages.items():
        assert "semantics" not in text, name


def test_settings_are_told_with_environment_default_and_limits() -> None:
    text = settings_page()
    assert "| `threads` | `TAPE_STORE__THREADS` | unset | >= 1 | threads of the database" in text
    assert "`ROUTER_AUTOTUNE_V6_ALLOW_FLIP` `TAPE_AUTOTUNE__ALLOW_FLIP`" in text
    assert "| `SYNC_INTERVAL_SEC` `TAPE_SYNC__INTERVAL_S` | `20` | >= 1, <= 3600 |" in text


def test_a_table_leaves_out_a_column_that_no_row_fills_and_escapes_bars() -> None:
    assert table(["a", "b", "c"], [["1", "", "x|y"], ["2", "", ""]], right={"a"}) == [
        "| a | c |",
        "| ---: | --- |",
        "| 1 | x\\|y |",
        "| 2 |  |",
    ]
    assert table(["a"], []) == []


@pytest.mark.parametrize(
    ("heading", "fragment"), [("nav.json", "navjson"), ("Is it?", "is-it"), ("[store]", "store"), ("a_b c", "a_b-c")]
)
def test_anchors_are_githubs(heading: str, fragment: str) -> None:
    assert anchor(heading) == fragment
