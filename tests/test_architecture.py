"""The map of the repository shows what is there."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MAP = (ROOT / "ARCHITECTURE.md").read_text()


def test_every_path_it_names_exists() -> None:
    named = set(re.findall(r"`((?:execution|store|sql|exporters|migrations|tape|docs)/[\w/.]*)`", MAP))
    named |= set(re.findall(r"\]\(([\w/.]+)\)", MAP))
    assert len(named) > 25
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


def test_the_direction_of_imports_is_the_one_that_is_checked() -> None:
    (contract,) = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    assert " → ".join(contract["layers"]) in MAP
