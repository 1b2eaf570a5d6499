"""Print how many circles the imports of the package close; exit 1 unless there is none.

A circle is a group of modules each of which reaches every other one by imports, those inside functions and those for
the type checker included. Nobody can read, test or replace one module of a circle without the rest.
"""

from __future__ import annotations

import sys

import grimp


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


def main() -> int:
    graph = grimp.build_graph("tape", cache_dir=None)
    found = circles({module: graph.find_modules_directly_imported_by(module) for module in graph.modules})
    print(f"import circles: {len(found)}")
    for group in found:
        print("  " + " <-> ".join(group))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
