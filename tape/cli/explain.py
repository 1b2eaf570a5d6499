"""``tape explain``: the formulas of a published number, their inputs, and the rows behind it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from typing import Annotated, Any

import orjson
import typer
from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from tape.cli.options import AsOf, Json, Zone, home_of
from tape.cli.session import Session
from tape.cli.tables import print_table
from tape.cli.terminal import new_table, print_whole, shown, terminal
from tape.cli.values import short
from tape.client.empty import why_empty
from tape.client.json_values import plain
from tape.explain.explain import explain as explain_number
from tape.explain.explanation import Evidence, Explanation, Formula, conditions_text
from tape.explain.question import MISSING, NotThere
from tape.exporters.contract import STATE_FILES, StateFile, file_meant
from tape.store.errors import StoreError

_NAME_WIDTH = 34
_LONG = 120
"""Of a text in a table; documents are longer."""
_NEAR = 2
"""Views with formulas down from the value that are shown unless all are asked for."""
_OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS


def command(
    context: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE", help="A published file: nav or nav.json.")],
    symbol: Annotated[
        str | None,
        typer.Argument(metavar="[SYMBOL]", help="Symbol of the number; in expectancy also an hour or a regime."),
    ] = None,
    key: Annotated[
        str | None, typer.Argument(metavar="[KEY]", help="Which number: drawdown_pct, or components.router.")
    ] = None,
    as_of: AsOf = None,
    tz: Zone = None,
    limit: Annotated[int, typer.Option(min=1, help="Show at most this many rows of each kind.")] = 10,
    show_all: Annotated[bool, typer.Option("--all", help="Also show the formulas of inputs further down.")] = False,
    as_json: Json = False,
) -> None:
    """Trace a published number: its formulas, their inputs, the rows behind it.

    The instant is that of the published file, unless --as-of is given. Exit code 1: the rows give another number.
    """
    session = Session(home_of(context))
    zone, meant = tz or UTC, _state_file(file)
    at = session.at(as_of, zone)
    try:
        found = explain_number(session.client, meant, symbol, key, as_of=at, limit=limit)
    except NotThere as error:
        why = None if error.expected else why_empty(session.client, [meant.view], at, datetime.now(UTC), zone)
        if why is None:
            raise
        raise StoreError(f"{error}; {why}") from None
    if found.published is MISSING and not any(each.count for each in found.rows):
        found.notes.extend(filter(None, [why_empty(session.client, [meant.view], at, datetime.now(UTC), zone)]))
    print_explanation(found, as_json=as_json, show_all=show_all, zone=zone)
    if found.is_equal is False:
        raise typer.Exit(1)


def _state_file(name: str) -> StateFile:
    try:
        return file_meant(name)
    except KeyError:
        names = ", ".join(file.stem for file in STATE_FILES)
        raise typer.BadParameter(f"FILE: expected one of {names}, found {name!r}") from None


def print_explanation(found: Explanation, *, as_json: bool, show_all: bool, zone: tzinfo = UTC) -> None:
    """Print the value, whether the file has the same, then its origin; distant formulas only with ``show_all``."""
    if as_json:
        print(orjson.dumps(found.as_json(), default=plain, option=_OPTIONS).decode())
        return
    console = terminal()
    for part in (*_top(found, zone), *_how(found.formulas, show_all=show_all)):
        console.print(part)
    for part in _inputs(found):
        print_whole(console, part)
    if found.rows:
        console.print(Text("\nRows", style="bold"))
    for each in found.rows:
        _print_rows(each, zone)


def _top(found: Explanation, zone: tzinfo) -> Iterator[RenderableType]:
    names = [found.file, found.entry, found.key]
    yield Text("  ".join(name for name in names if name), style="bold")
    unit = _unit(found.unit)
    if found.is_equal is None:
        yield Text(f"{_exact(found.value)}{unit}")
    elif found.is_equal:
        yield Text(f"{_exact(found.value)}{unit}: published and computed again, equal")
    else:
        yield Text(
            f"DIFFERENT: published {_exact(found.published)}, computed again {_exact(found.value)}{unit}", "bold red"
        )
    known = "" if found.known_seq is None else f", publication {found.export_id}, rows up to number {found.known_seq}"
    yield Text(f"as of {plain(found.as_of.astimezone(zone))}{known}")
    yield from (Text(f"note: {note}", style="bold red" if found.is_equal is False else "") for note in found.notes)


def _unit(unit: str | None) -> str:
    """Return the text after a number: a range in brackets, nothing for a bare number or a count."""
    if unit is None or unit == "1":
        return ""
    return f" ({unit})" if ".." in unit else f" {unit}"


def _exact(value: Any) -> str:
    return "nothing" if value is MISSING else json.dumps(value)


def _how(formulas: list[Formula], *, show_all: bool) -> Iterator[RenderableType]:
    yield Text("\nHow", style="bold")
    near = [each for each in formulas if show_all or each.depth <= _NEAR]
    for each in near:
        yield Text(each.name, style="bold")
        yield _about(each.about)
        if not each.lines:
            continue
        table = Table.grid(padding=(0, 1))
        for width in (2, None, 1):
            table.add_column(width=width, max_width=_NAME_WIDTH, overflow="fold")
        table.add_column(overflow="fold")
        for name, words in each.lines:
            table.add_row("", name, "=", Text(words))
        for alias, view in each.calls.items():
            table.add_row("", alias, ":", Text(view))
        yield table
    if far := [each.name for each in formulas if each not in near]:
        yield Text(f"further down: {', '.join(far)}: --all")


def _about(words: str) -> RenderableType:
    return Padding(Text(" ".join(words.split()), style="dim"), (0, 0, 0, 2), expand=False)


def _inputs(found: Explanation) -> Iterator[RenderableType]:
    if not found.inputs:
        return
    yield Text("\nInputs", style="bold")
    table: Table = new_table()
    for name in ("view", "of", "column"):
        table.add_column(name, no_wrap=True)
    table.add_column("value", justify="right", overflow="fold", max_width=40)
    for each in found.inputs:
        of = conditions_text(each.where)
        if not each.values:
            table.add_row(each.view, of, "", "no such row")
        for at, (name, value) in enumerate(each.values.items()):
            table.add_row(*((each.view, of) if at == 0 else ("", "")), name, _number(value))
    yield table


def _number(value: Any) -> str:
    text = short(value, 10) if isinstance(value, float) else shown(value)
    return text if len(text) <= _LONG else f"{text[:_LONG]} .."


def _print_rows(each: Evidence, zone: tzinfo) -> None:
    console = terminal()
    about = each.about.partition(". ")[0].rstrip(".").replace("\n", " ")
    left = each.count - len(each.rows)
    counted = f"{each.count:,} row{'' if each.count == 1 else 's'}" + (
        f", the first {len(each.rows):,}" if left > 0 else ""
    )
    console.print(Text(f"{counted} of {each.relation}", style="bold") + Text(f": {about}", style="dim not bold"))
    if each.rows:
        rows = [
            [value.astimezone(zone) if isinstance(value, datetime) else value for value in row] for row in each.rows
        ]
        print_table(each.columns, rows, text=_number)
