"""``tape diff``: published folders compared, and said in a table or as JSON."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tape.exporters.contract import STATE_FILES
from tests.programs import Ended, fails, tape
from tests.templates import sample_home


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two exports of a sample, four hours apart."""
    home = Path(shutil.copytree(sample_home(), tmp_path_factory.mktemp("diff") / "home"))
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
    assert "…" not in found.out, "without a terminal no value is cut"
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
