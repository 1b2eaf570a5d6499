"""Prints the rows of a query."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from typing import Any, Literal, TextIO

from tape.cli.terminal import MAX_CELL, cell, new_table, print_whole, shown, terminal
from tape.client.client import Batch, Rows, read_documents
from tape.client.json_values import plain
from tape.exporters.state_files import finite

FORMATS = ("table", "json", "csv", "arrow")
_GAP = 3
"""Blanks between two columns."""


def write_rows(rows: Rows, output: str, file: TextIO, zone: tzinfo = UTC) -> int:
    """Write a query's rows as JSON or CSV, as they come; return their number. ``zone``: of their times."""
    count = 0
    if output == "csv":
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(rows.columns)
        for batch in rows.batches:
            count += len(batch)
            batch = in_zone(batch, rows.types, zone)
            writer.writerows([[cell(value) for value in row] for row in batch])
        return count
    for batch in rows.batches:
        for row in read_documents(in_zone(batch, rows.types, zone), rows.types):
            file.write(", " if count else "[")
            file.write(json.dumps(finite(dict(zip(rows.columns, row, strict=True))), default=plain))
            count += 1
    file.write("]\n" if count else "[]\n")
    return count


def in_zone(rows: Batch, types: Sequence[str], zone: tzinfo) -> Batch:
    """Return rows with instants in a zone; instants inside documents and lists are not changed."""
    places = [at for at, kind in enumerate(types) if kind == "TIMESTAMP WITH TIME ZONE"]
    if zone is UTC or not places:
        return rows
    moved = [list(row) for row in rows]
    for row in moved:
        for at in places:
            if isinstance(row[at], datetime):
                row[at] = row[at].astimezone(zone)
    return moved


def _numeric(names: list[str], rows: Sequence[Sequence[Any]]) -> set[str]:
    return {name for at, name in enumerate(names) if any(isinstance(row[at], (int, float, Decimal)) for row in rows)}


def print_table(
    names: list[str],
    rows: Sequence[Sequence[Any]],
    title: str | None = None,
    text: Callable[[Any], str] = shown,
) -> None:
    """Print rows as a table; columns that do not fit side by side come in several tables, each with the first column.

    Without a terminal it is one table, as wide as needed.
    """
    console = terminal()
    if title is not None:
        console.print(title)
    widest = MAX_CELL if console.is_terminal else None
    texts, numeric = [[text(value) for value in row] for row in rows], _numeric(names, rows)
    for columns in _fitting(names, texts, console.width) if console.is_terminal else [list(range(len(names)))]:
        table = new_table()
        for at in columns:
            justify: Literal["right", "left"] = "right" if names[at] in numeric else "left"
            table.add_column(names[at], justify=justify, overflow="fold", max_width=widest)
        for row in texts:
            table.add_row(*(row[at] for at in columns))
        print_whole(console, table)


def _fitting(names: list[str], rows: list[list[str]], width: int) -> list[list[int]]:
    """Return column numbers in groups that fit into a width, with the first column in each."""
    widths = [min(MAX_CELL, max(len(name), *(len(row[at]) for row in rows), 0)) for at, name in enumerate(names)]
    return packed(widths, width - 1, _GAP)


def packed(widths: Sequence[int], room: int, gap: int) -> list[list[int]]:
    """Return column numbers in groups that fit side by side into ``room``, with the first column in each.

    A group has at least two columns, even if they are too wide. ``gap``: spaces between two columns.
    """
    groups: list[list[int]] = [[0]]
    for at in range(1, len(widths)):
        group = groups[-1]
        if len(group) > 1 and sum(widths[each] for each in [*group, at]) + gap * len(group) > room:
            groups.append([0])
        groups[-1].append(at)
    return groups
