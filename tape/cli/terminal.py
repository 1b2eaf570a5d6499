"""The terminal, and the form of values on it."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from typing import Any

from rich import box
from rich.console import Console, RenderableType
from rich.table import Table

from tape.cli.values import short
from tape.client.json_values import plain

WIDTH = 100
"""Columns where there is no terminal."""
UNBOUNDED = 100_000
"""Columns of a table where there is no terminal."""
MAX_CELL = 44


def terminal() -> Console:
    """Return a console that prints text unchanged: brackets in a value are not markup."""
    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = WIDTH
    return console


def printable(text: str) -> str:
    """Return one line of text for a terminal: control characters, as in file names, are shown as escapes."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)


def print_whole(console: Console, *parts: RenderableType) -> None:
    """Print tables; without a terminal they are as wide as needed, and nothing is wrapped."""
    width = console.width
    if not console.is_terminal:
        console.width = UNBOUNDED
    console.print(*parts)
    console.width = width


def new_table(title: str | None = None) -> Table:
    return Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)


def cell(value: Any) -> Any:
    if isinstance(value, (datetime, Decimal)):
        return plain(value)
    return json.dumps(value, default=plain) if isinstance(value, (dict, list)) else value


def shown(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return short(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(cell(value))
