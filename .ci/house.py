"""Print what keeps the code easy to find one's way in, and exit 1 where a bound is passed.

- Import circles: none. A circle is a group of modules each of which reaches every other one by imports, also by imports
  inside functions and those for the type checker. Nobody can read, test or replace one module of it without the rest.
- Imports inside functions: at most 10, each with its reason in a comment. They are for what is optional, and for what
  takes so long to load that a command which does not need it would be late.
- Lines of a file outside tests and migrations: at most 450, but for those listed by name.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import grimp

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("execution", "store", "exporters", "tape")
MAX_IMPORTS_INSIDE, MAX_LINES = 10, 450
LONG = {"execution/events.py", "store/legacy/importer.py", "store/legacy/json_rows.py"}
"""Files that may be longer: one list, and two that are yet to be cut."""


def circles(imports: dict[str, set[str]]) -> list[list[str]]:
    """Return each circle as its sorted modules. ``imports``: what each module imports of the same package."""
    reached = {module: _reached(module, imports) for module in imports}
    together = {frozenset({each, *(other for other in reached[each] if each in reached[other])}) for each in imports}
    return sorted(sorted(group) for group in together if len(group) > 1)


def _reached(start: str, imports: dict[str, set[str]]) -> set[str]:
    """Return every module that ``start`` imports, directly or through others."""
    found: set[str] = set()
    waiting = [start]
    while waiting:
        new = imports[waiting.pop()] - found
        found |= new
        waiting += new
    return found


def inside(path: Path) -> Iterator[tuple[int, bool]]:
    """Yield the line of each import inside a function, and whether a comment beside or above it gives the reason."""
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    for function in ast.walk(ast.parse(text)):
        if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        for node in ast.walk(function):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                beside, above = lines[node.lineno - 1], lines[node.lineno - 2].strip()
                yield node.lineno, "#" in beside or above.startswith("#")


def main() -> int:
    """Print each measure and what passes its bound."""
    files = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]
    own = {path.relative_to(ROOT).as_posix(): path for path in files if not _is_link(path)}
    graph = grimp.build_graph("tape", cache_dir=None)
    found = circles({module: graph.find_modules_directly_imported_by(module) for module in graph.modules})
    imports = sorted({(name, *each) for name, path in own.items() for each in inside(path)})
    unexplained = [f"{name}:{line}" for name, line, is_explained in imports if not is_explained]
    counted = {name: path.read_text(encoding="utf-8").count("\n") for name, path in own.items()}
    long = {name: lines for name, lines in counted.items() if lines > MAX_LINES and name not in LONG}
    print(f"import circles: {len(found)}")
    for group in found:
        print("  " + " <-> ".join(group))
    print(f"imports inside functions: {len(imports)} of at most {MAX_IMPORTS_INSIDE}")
    print(f"imports inside functions without a reason: {len(unexplained)}")
    for name in unexplained:
        print(f"  {name}")
    print(f"files over {MAX_LINES} lines: {len(long)}")
    for name, lines in long.items():
        print(f"  {name}: {lines}")
    return int(bool(found or unexplained or long or len(imports) > MAX_IMPORTS_INSIDE))


def _is_link(path: Path) -> bool:
    """Whether a path leads through one of the links inside ``tape`` to a room that lies beside it."""
    return path.resolve() != path


if __name__ == "__main__":
    sys.exit(main())
