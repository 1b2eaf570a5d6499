"""Markdown, as far as the pages need it. Pure: from values to lines."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence, Set

MADE = "<!-- Made by `make docs` from the code: what is changed here is lost. -->"


def page(title: str, *blocks: Sequence[str]) -> str:
    """A page: its title, then the blocks, a blank line between them; names in docstrings' double ticks get one."""
    text = "\n\n".join([MADE, f"# {title}", *("\n".join(block) for block in blocks if block)])
    return text.replace("``", "`") + "\n"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, right: Set[str] = frozenset()) -> list[str]:
    """A table, the columns named in ``right`` flush right; a column that no row fills is left out."""
    listed = [[_cell(text) for text in row] for row in rows]
    filled = [at for at in range(len(head)) if any(row[at] for row in listed)]
    rule = ["---:" if head[at] in right else "---" for at in filled]
    lines = [[head[at] for at in filled], rule, *([row[at] for at in filled] for row in listed)]
    return [f"| {' | '.join(line)} |" for line in lines] if listed else []


def code(text: str) -> str:
    return f"`{text}`"


def link(text: str, page: str, heading: str | None = None) -> str:
    """A link to a heading of a page of the same folder; ``text`` is the heading unless given."""
    return f"[{text}]({page}#{anchor(text if heading is None else heading)})"


def anchor(heading: str) -> str:
    """The fragment under which a heading is found, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
