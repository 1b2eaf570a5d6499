"""The pages of the project, and what stands in them."""

from __future__ import annotations

import re
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
DOCS = PROJECT / "docs"
PAGES = (*(PROJECT / page for page in ("README.md", "CONTRIBUTING.md", "SECURITY.md")), *sorted(DOCS.rglob("*.md")))
_FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def name(page: Path) -> str:
    """A page by its path in the project."""
    return str(page.relative_to(PROJECT))


def fences(page: Path, *kinds: str) -> list[str]:
    """What stands in the fences of these kinds; a fence without one is of kind ``""``."""
    found = _FENCE.findall(page.read_text(encoding="utf-8"))
    return [body for kind, body in found if kind.partition(" ")[0] in kinds]


def prose(page: Path) -> str:
    """A page without its fences."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))
