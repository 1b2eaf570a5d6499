"""``tape doctor``: a line for each check, then what to do."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Annotated

import typer
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from tape.cli.options import EVERY_S, Json, Seconds, Watch, home_of, is_watched
from tape.cli.terminal import terminal
from tape.cli.watch import watching
from tape.doctor.checks import EXIT_CODES, Check, State
from tape.doctor.look import Look, look_at

_SIGNS = {State.OK: "+ ok", State.DEGRADED: "! degraded", State.BROKEN: "x broken"}
_STYLES = {State.OK: "green", State.DEGRADED: "yellow", State.BROKEN: "bold red"}
_WORDS = {State.OK: "healthy", State.DEGRADED: "degraded", State.BROKEN: "broken"}
_GROUPS = {"files": "published files", "logs": "JSONL logs", "invariants": "between files", "store": "store and owner"}
_NAME_WIDTH = 36


def command(
    context: typer.Context,
    seconds: Seconds = None,
    watch: Watch = False,
    is_deep: Annotated[
        bool, typer.Option("--deep", help="Also search the whole history for events stored twice; takes minutes.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Check every file, log and invariant of the contract, the store and its owner, and say what to do.

    Exit code 0: healthy, 1: degraded, 2: broken.
    """
    home = home_of(context)
    if is_watched(watch, seconds):
        if is_deep:
            raise typer.BadParameter("--deep looks once: expected no --watch beside it")
        line = None if as_json else doctor_line
        look = watching(lambda: look_at(home), doctor_view, line=line, every_s=seconds or EVERY_S)
    else:
        look = look_at(home, is_deep=is_deep)
        print_look(look, as_json=as_json)
    raise typer.Exit(EXIT_CODES[look.state])


def print_look(look: Look, *, as_json: bool) -> None:
    """Print all checks, the overall state, and advice for each finding."""
    if as_json:
        print(json.dumps(look.as_json()))
        return
    terminal().print(Group(*_begin(look), *_lines(look.checks), *_end(look)))


def doctor_view(look: Look, console: Console) -> RenderableType:
    """Return as much as fits on a terminal: if space is short, groups without findings take one line."""
    full = [*_begin(look), *_lines(look.checks), *_end(look)]
    if len(console.render_lines(Group(*full), pad=False)) < console.height:
        return Group(*full)
    return Group(*_begin(look), *_lines(look.checks, is_short=True), *_end(look))


def doctor_line(look: Look) -> str:
    """Return one line: the time, the state, and the findings."""
    absent = _without_owner(look.checks)
    told = [each for each in look.checks if each.state is not State.OK and not (absent and each.follows)]
    bad = [f"{each.name}: {each.found}" for each in told]
    if follow := sum(each.follows for each in look.checks) if absent else 0:
        bad.insert(1, f"{follow} checks follow from that")
    words = "; ".join(bad) or f"{len(look.checks)} checks"
    return f"{look.at:%Y-%m-%dT%H:%M:%SZ} {_WORDS[look.state]}: {' '.join(words.split())}"


def _without_owner(checks: Sequence[Check]) -> Check | None:
    """Return the finding about an owner that does not run or answer; null if one answers or none is needed."""
    return next((each for each in checks if each.name == "owner" and each.state is not State.OK), None)


def _begin(look: Look) -> Iterator[RenderableType]:
    """Put a missing owner first, since most other findings follow from it."""
    if (owner := _without_owner(look.checks)) is not None:
        yield Text.assemble(_sign(owner.state), f"  {owner.found}: {owner.advice}")
        yield ""


def _lines(checks: Sequence[Check], *, is_short: bool = False) -> Iterator[RenderableType]:
    absent = _without_owner(checks)
    for group, title in _GROUPS.items():
        members = [each for each in checks if each.group == group]
        follow = [each for each in members if absent and each.follows]
        table = Table.grid(padding=(0, 2))
        table.add_column(width=10, no_wrap=True)
        table.add_column(width=_NAME_WIDTH, overflow="fold")
        table.add_column(overflow="fold")
        shown = [each for each in members if each not in follow and (each.state is not State.OK or not is_short)]
        for each in shown:
            table.add_row(_sign(each.state), Text(each.name), Text(each.found))
        fine = sum(each.state is State.OK for each in members)
        waiting = f"; {len(follow)} not, as no owner keeps them" if follow else ""
        yield Text(f"{title}: {fine} of {len(members)} ok{waiting}", style="bold")
        if shown:
            yield table


def _sign(state: State) -> Text:
    return Text(_SIGNS[state], style=_STYLES[state])


def _end(look: Look) -> Iterator[RenderableType]:
    absent = _without_owner(look.checks)
    bad = [each for each in look.checks if each.state is not State.OK]
    how = Text.assemble((_WORDS[look.state], _STYLES[look.state]), f" at {look.at:%Y-%m-%d %H:%M:%S} UTC")
    if not bad:
        yield how
        return
    yield Text.assemble(how, f": {len(bad)} of {len(look.checks)} checks; what to do:")
    table = Table.grid(padding=(0, 2))
    table.add_column(max_width=_NAME_WIDTH, overflow="fold")
    table.add_column(overflow="fold")
    led = [absent] if absent else []
    follow = [each for each in bad if absent and each.follows]
    for each in [*led, *(each for each in bad if each not in led and each not in follow)]:
        table.add_row(Text(each.name), Text(each.advice or ""))
    yield table
    if follow:
        yield Text(f"{len(follow)} more follow from that: look again once an owner runs; --json lists them")
