"""Print what keeps the code easy to find one's way in, and exit 1 where a bound is passed.

- Import circles: none. A circle is a group of modules each of which reaches every other one by imports, also by imports
  inside functions and those for the type checker. Nobody can read, test or replace one module of it without the rest.
- Imports inside functions: at most 10, each with its reason in a comment. They are for what is optional, and for what
  takes so long to load that a command which does not need it would be late.
- Lines of a file outside tests and migrations: at most 450, but for those listed by name.
- Comments in the rooms where an order of steps or a lock matters: at least 3 lines for 100 lines of code. Docstrings
  and instructions to tools are no comments. Nobody can count whether a comment says why.
"""

from __future__ import annotations

import ast
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

import grimp

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("execution", "store", "exporters", "tape")
MAX_IMPORTS_INSIDE, MAX_LINES = 10, 450
BESIDE = ("examples", "benchmarks", "docs")
"""Folders beside the package, whose files are as long as those of a room at most."""
LONG = {"execution/events.py"}
"""Files that may be longer: one list."""
COMMENTED, MIN_COMMENTS = ("store", "exporters", "tape/owner"), 3.0


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


def comments(path: Path) -> tuple[int, int]:
    """Count the lines with a comment and the lines of code, docstrings left out."""
    text = path.read_text(encoding="utf-8")
    with path.open(encoding="utf-8") as file:
        found = [token for token in tokenize.generate_tokens(file.readline) if token.type == tokenize.COMMENT]
    said = {each.start[0] for each in found if not each.string.startswith(("# noqa", "# type:"))}
    told = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Expr) and _is_text(node.value)]
    left_out = {line for node in told for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)}
    code = [
        number
        for number, line in enumerate(text.splitlines(), 1)
        if line.strip() and not line.strip().startswith("#") and number not in left_out
    ]
    return len(said), len(code)


def _is_text(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and isinstance(value.value, str)


def comments_per_100(room: str, own: dict[str, Path]) -> float:
    """Return how many lines with a comment a room has for 100 lines of its code."""
    counted = [comments(path) for name, path in own.items() if name.startswith(f"{room}/")]
    return 100 * sum(said for said, _ in counted) / max(1, sum(code for _, code in counted))


def main() -> int:
    """Print each measure and what passes its bound."""
    files = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]
    own = {path.relative_to(ROOT).as_posix(): path for path in files if not _is_link(path)}
    graph = grimp.build_graph("tape", cache_dir=None)
    found = circles({module: graph.find_modules_directly_imported_by(module) for module in graph.modules})
    imports = sorted({(name, *each) for name, path in own.items() for each in inside(path)})
    unexplained = [f"{name}:{line}" for name, line, is_explained in imports if not is_explained]
    beside = {path.relative_to(ROOT).as_posix(): path for room in BESIDE for path in (ROOT / room).rglob("*.py")}
    counted = {name: path.read_text(encoding="utf-8").count("\n") for name, path in {**own, **beside}.items()}
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
    shares = {room: comments_per_100(room, own) for room in COMMENTED}
    print("comments for 100 lines of code: " + ", ".join(f"{room} {share:.1f}" for room, share in shares.items()))
    quiet = [room for room, share in shares.items() if share < MIN_COMMENTS]
    return int(bool(found or unexplained or long or quiet or len(imports) > MAX_IMPORTS_INSIDE))


def _is_link(path: Path) -> bool:
    """Whether a path leads through one of the links inside ``tape`` to a room that lies beside it."""
    return path.resolve() != path


if __name__ == "__main__":
    sys.exit(main())
