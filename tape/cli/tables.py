"""A query's rows."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Literal, TextIO

from tape.cli.terminal import MAX_CELL, cell, new_table, shown, terminal
from tape.client.client import Rows
from tape.client.json_values import plain
from tape.exporters.state_files import finite

FORMATS = ("table", "json", "csv", "arrow")
_GAP = 3
"""Blanks between two columns."""


def write_rows(rows: Rows, output: str, file: TextIO) -> None:
    """A query's rows as JSON or CSV, as they come."""
    if output == "csv":
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(rows.columns)
        for batch in rows.batches:
            writer.writerows([["" if value is None else cell(value) for value in row] for row in batch])
        return
    gap = "["
    for row in rows:
        file.write(gap + json.dumps(finite(dict(zip(rows.columns, row, strict=True))), default=plain))
        gap = ", "
    file.write("]\n" if gap == ", " else "[]\n")


def _numeric(names: list[str], rows: Sequence[Sequence[Any]]) -> set[str]:
    return {name for at, name in enumerate(names) if any(isinstance(row[at], (int, float, Decimal)) for row in rows)}


def print_table(
    names: list[str],
    rows: Sequence[Sequence[Any]],
    title: str | None = None,
    text: Callable[[Any], str] = shown,
) -> None:
    """Rows as a table; where the columns do not fit side by side, as several, each led by the first column."""
    console = terminal()
    texts, numeric = [[text(value) for value in row] for row in rows], _numeric(names, rows)
    for columns in _fitting(names, texts, console.width):
        table = new_table(title)
        for at in columns:
            justify: Literal["right", "left"] = "right" if names[at] in numeric else "left"
            table.add_column(names[at], justify=justify, overflow="fold", max_width=MAX_CELL)
        for row in texts:
            table.add_row(*(row[at] for at in columns))
        console.print(table)
        title = None


def _fitting(names: list[str], rows: list[list[str]], width: int) -> list[list[int]]:
    """Column numbers in groups that fit into a width, the first column in each."""
    widths = [min(MAX_CELL, max(len(name), *(len(row[at]) for row in rows), 0)) for at, name in enumerate(names)]
    return packed(widths, width - 1, _GAP)


def packed(widths: Sequence[int], room: int, gap: int) -> list[list[int]]:
    """Return column numbers in groups that fit side by side into ``room``, the first column in each.

    A group has two columns at least, also where those are too wide. ``gap``: blanks between two columns.
    """
    groups: list[list[int]] = [[0]]
    for at in range(1, len(widths)):
        group = groups[-1]
        if len(group) > 1 and sum(widths[each] for each in [*group, at]) + gap * len(group) > room:
            groups.append([0])
        groups[-1].append(at)
    return groups
