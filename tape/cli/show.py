"""``tape show``: a table or a view for people, with columns in a sensible order and units under the heads.

Laws kept here: on a terminal never wider than 100 columns; columns that do not fit side by side come in several tables,
each led by the first column; a single row that does not fit is shown from top to bottom. Where there is no terminal a
table is as wide as it needs to be.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, tzinfo
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tape.cli.layouts import ENVELOPE, layout_of, newest_first
from tape.cli.limits import print_limits
from tape.cli.options import AsOf, Json, Zone, home_of
from tape.cli.repl.shell import Shell
from tape.cli.session import Session
from tape.cli.tables import packed
from tape.cli.terminal import UNBOUNDED, WIDTH, new_table, print_whole, terminal
from tape.cli.values import Shown, kind_of, lines_of, style_of, text_of, texts_of
from tape.client.client import Answer, Client
from tape.client.empty import why_empty
from tape.client.instants import is_whole, shown
from tape.client.limits_in_force import limits_in_force
from tape.client.stopped import newest_of, stopped_beneath, told_of
from tape.store.errors import one_of
from tape.store.schema import METADATA
from tape.store.views.catalog import Relation, unit_in
from tape.store.views.column_comments import unit_by_name
from tape.store.views.sql_files import sql_objects, unfolded

_GAP = 2
"""Blanks between two columns."""
_AT_ONCE = 500
"""Views and macros that are planned at once."""
_ROWS = 50
"""Rows of a table unless more are asked for."""
_MAX_TEXT, _MIN_TEXT = 44, 16
"""Width of a text, and of one that has to make room."""

_NAV_VIEWS = ("nav_now", "nav_series", "nav_document")

Values = list[tuple[Shown, list[Any]]]


def command(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="A view or table, e.g. symbol_scores.")],
    as_of: AsOf = None,
    tz: Zone = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Show at most this many rows; else 50 in a table, all in JSON.")
    ] = None,
    show_all: Annotated[bool, typer.Option("--all", help="Every column, in the order of the table or view.")] = False,
    as_json: Json = False,
) -> None:
    """Show a view or a table: the newest rows first where it has a time. JSON has every column.

    `limits` shows each limit as an executor checks it, with its unit; with --all it is shown like any other view.
    """
    names = sorted([*METADATA.tables, *(item.name for item in sql_objects() if not item.is_macro)])
    if name not in names:
        raise typer.BadParameter(f"expected {one_of(names, name)}, found {name!r}")
    session, zone = Session(home_of(context)), tz or UTC
    at = session.at(as_of, zone)
    if name == "limits" and not show_all:
        print_limits(limits_in_force(session.home, at), session.home, as_of=at, as_json=as_json, zone=zone)
        return
    order = newest_first(name)
    query = f'from "{name}"{f" order by {order}" if order else ""}'
    client = session.client
    if as_json:
        if at is not None and not is_whole(as_of or ""):
            print(f"tape: as of {shown(at, zone)}", file=sys.stderr)
        Shell(client, as_of=at, mode="json", zone=zone).ask(query if limit is None else f"{query} limit {limit}")
        if note := _stopped(client, name, at, zone):
            print(f"tape: {note}", file=sys.stderr)
        return
    answer = first_rows(client, name, query, limit or _ROWS, at)
    count = client.count(f'from "{name}"', as_of=at) if answer.is_cut else len(answer.rows)
    relation = Shell(client).relations[name]
    print_relation(relation, answer, count, show_all=show_all, as_of=at, is_newest_first=order is not None, zone=zone)
    if not answer.rows and (why := why_empty(client, [name], at, datetime.now(UTC), zone)):
        terminal().print(why, soft_wrap=True)
    elif note := _stopped(client, name, at, zone):
        terminal().print(note, soft_wrap=True)


def first_rows(client: Client, name: str, query: str, count: int, at: datetime | None) -> Answer:
    """Return the first rows of a view or table.

    A view above many others takes seconds to plan at once. In a round each view beneath it is computed once.
    """
    limited = f"{query} limit {count + 1}"
    if unfolded(name) <= _AT_ONCE:
        return client.first(count, limited, as_of=at)
    (found,) = client.round([limited], as_of=at or datetime.now(UTC))
    return replace(found, rows=found.rows[:count], is_cut=len(found.rows) > count)


def _stopped(client: Client, name: str, at: datetime | None, zone: tzinfo) -> str | None:
    """What a reader of a view needs to know of its inputs; ``None``: none of them stopped."""
    if not (found := newest_of(stopped_beneath(client, name, at))):
        return None
    evidence = "; what attempts and vetoes tell of the NAV: tape show told_navs" if name in _NAV_VIEWS else ""
    return f"inputs that stopped: {told_of(found, at or datetime.now(UTC), zone)}{evidence if 'ticks' in found else ''}"


def print_relation(
    relation: Relation,
    answer: Answer,
    count: int | None,
    *,
    show_all: bool,
    as_of: datetime | None,
    is_newest_first: bool,
    zone: tzinfo = UTC,
) -> None:
    """Print the rows of a table or view; ``count``: the number of its rows, if known."""
    console = terminal()
    console.print(Text.assemble((relation.name, "bold"), "" if as_of is None else f" as of {shown(as_of, zone)}"))
    if relation.purpose:
        console.print(Text(relation.purpose), width=min(console.width, WIDTH))
    rows = answer.rows
    values = [
        (replace(column, zone=zone), found) for column, found in _values(relation, answer, rows, show_all=show_all)
    ]
    for table in _tables(relation, values, len(rows), _width(console)):
        print_whole(console, table, "")
    hidden = len(answer.columns) - len({column.name.partition(".")[0] for column, _ in values})
    order = ", newest first" if is_newest_first and len(rows) > 1 else ""
    of = f" of {count:,}" if answer.is_cut and count is not None else ""
    notes = [
        f"{len(rows):,}{of} row{'' if (count or len(rows)) == 1 else 's'}{order}",
        *(["there are more: --limit"] if answer.is_cut else []),
        *([f"{hidden} more column{'' if hidden == 1 else 's'}: --all"] if hidden else []),
    ]
    console.print("; ".join(notes))


def _width(console: Console) -> int:
    return min(console.width, WIDTH) if console.is_terminal else UNBOUNDED


def _values(relation: Relation, answer: Answer, rows: Sequence[Sequence[Any]], *, show_all: bool) -> Values:
    """Return the columns to show, each with its values."""
    places = {column: at for at, column in enumerate(answer.columns)}
    listed = None if show_all else layout_of(relation.name)
    entries = listed or [(column, None) for column in answer.columns if show_all or column not in ENVELOPE]
    comments = relation.comments
    found: Values = []
    for entry, head in entries or [(column, None) for column in answer.columns]:
        column, _, key = entry.partition(".")
        values = [row[places[column]] for row in rows]
        if key:
            kind = kind_of(_field_type(answer.types[places[column]], key))
            values = [None if value is None else value[key] for value in values]
            found.append((Shown(entry, kind, unit_by_name(key), head), values))
            continue
        unit = unit_in(comments[column]) or unit_by_name(column)
        found.append((Shown(column, kind_of(answer.types[places[column]], column), unit, head), values))
    return found


def _field_type(struct: str, key: str) -> str:
    """Return the type of a field, from DuckDB's ``STRUCT(maker_first BOOLEAN, ..)``."""
    fields = struct.partition("(")[2].removesuffix(")").split(", ")
    named = ((name.strip('"'), kind) for name, _, kind in (field.partition(" ") for field in fields))
    return next((kind for name, kind in named if name == key), "VARCHAR")


def _tables(relation: Relation, values: Values, rows: int, width: int) -> list[Table]:
    texts = [texts_of(column, found) for column, found in values]
    if rows == 1:
        is_wide = len(_fitting(values, texts, min(width, WIDTH))) > 1
        if is_wide or any(column.kind == "document" for column, _ in values):
            return [_from_top_to_bottom(relation, values, width)]
    return [_side_by_side(values, texts, group) for group in _fitting(values, texts, width)]


def _fitting(values: Values, texts: list[list[str]], width: int) -> list[list[tuple[int, int]]]:
    """Return columns and their widths in groups that fit side by side, with the first column in each."""
    longest = _MAX_TEXT if width < UNBOUNDED else UNBOUNDED
    wanted = [_wanted(column, cells, longest) for (column, _), cells in zip(values, texts, strict=True)]
    least = [_least(column, each) for (column, _), each in zip(values, wanted, strict=True)]
    groups = packed(least, width, _GAP)
    return [list(zip(group, _narrowed(values, wanted, group, width), strict=True)) for group in groups]


def _wanted(column: Shown, cells: Sequence[str], at_most: int) -> int:
    longest = max((len(cell) for cell in cells), default=1)
    return max(min(at_most, longest), len(column.label), *map(len, column.words))


def _least(column: Shown, wanted: int) -> int:
    return min(wanted, max(_MIN_TEXT, *map(len, column.words))) if _can_fold(column) else wanted


def _can_fold(column: Shown) -> bool:
    return column.kind in ("text", "list", "document")


def _narrowed(values: Values, wanted: list[int], group: list[int], width: int) -> list[int]:
    """Return the widths of a group: text columns are narrowed until all fit, the widest first."""
    widths = {at: wanted[at] for at in group}
    while sum(widths.values()) + _GAP * (len(group) - 1) > width:
        foldable = [at for at in group if widths[at] > _least(values[at][0], wanted[at])]
        if not foldable:
            break
        widths[max(foldable, key=lambda at: widths[at])] -= 1
    return [min(widths[at], width) for at in group]


def _side_by_side(values: Values, texts: list[list[str]], group: list[tuple[int, int]]) -> Table:
    table = new_table()
    table.padding, table.show_edge = (0, 1, 0, 0), False
    has_units = any(values[at][0].label for at, _ in group)
    for at, width in group:
        column = values[at][0]
        justify: Literal["right", "left"] = "right" if column.is_right else "left"
        is_text = column.kind in ("text", "list")
        overflow: Literal["fold", "ellipsis"] = "fold" if is_text else "ellipsis"
        table.add_column(
            _head(column, width, has_units=has_units),
            justify=justify,
            width=width,
            overflow=overflow,
            no_wrap=not is_text,
        )
    for row in range(len(texts[0])):
        cells = ((values[at][0], values[at][1][row], texts[at][row]) for at, _ in group)
        table.add_row(*(Text(text, style=style_of(column, value)) for column, value, text in cells))
    return table


def _head(column: Shown, width: int, *, has_units: bool) -> Text:
    """Return the words of a head in lines of a width; units get a line of their own if any column has one."""
    lines = [""]
    for word in column.words:
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    unit = f"\n{column.label}" if has_units else ""
    return Text.assemble(("\n".join(lines), "bold"), (unit, "dim"))


def _from_top_to_bottom(relation: Relation, values: Values, width: int) -> Table:
    said = [relation.comments.get(column.name, "").partition(" [")[0] for column, _ in values]
    texts = [lines_of(value) if column.kind == "document" else text_of(column, value) for column, (value,) in values]
    left = width - max(len(column.name) for column, _ in values) - max(len(column.label) for column, _ in values)
    left -= 3 * _GAP
    longest = max(len(line) for text in texts for line in text.splitlines())
    wide = min(longest, left * 3 // 5 if any(said) else left)
    table = Table.grid(padding=(0, _GAP, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(max_width=wide, overflow="fold")
    table.add_column(no_wrap=True)
    table.add_column(max_width=left - wide, overflow="fold")
    for (column, (value,)), text, meaning in zip(values, texts, said, strict=True):
        table.add_row(column.name, Text(text, style=style_of(column, value)), column.label, Text(meaning, style="dim"))
    return table
