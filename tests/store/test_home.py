"""The layout of a home is told once."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tape.store.home import Layout

PROJECT = Path(__file__).resolve().parents[2]
NAMES = {"tape.duckdb", "tape.sock", "tape.pid", "tape-executor.pid", "tape.written"}


def test_every_place_lies_in_the_home_it_is_asked_of(tmp_path: Path) -> None:
    places = Layout(tmp_path)
    found = [getattr(places, name) for name, value in vars(Layout).items() if isinstance(value, property)]
    assert len(found) == len(set(found)) == 12
    assert all(path.is_relative_to(tmp_path / "logs") for path in found)


def joined() -> Iterator[tuple[str, object]]:
    """Each constant that some module appends to a path, and the module."""
    for room in ("store", "exporters", "execution", "tape"):
        for path in sorted((PROJECT / room).rglob("*.py")):
            if path.resolve() != path or path == PROJECT / "store" / "home.py":
                continue
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if (
                    isinstance(node, ast.BinOp)
                    and isinstance(node.op, ast.Div)
                    and isinstance(node.right, ast.Constant)
                ):
                    yield path.relative_to(PROJECT).as_posix(), node.right.value


def test_no_other_module_makes_a_path_of_the_names_in_a_home() -> None:
    assert [(module, name) for module, name in joined() if name in NAMES | {"logs"}] == []
