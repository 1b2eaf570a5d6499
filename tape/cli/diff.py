"""``tape diff``: the differences between two folders of published files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from tape.cli.options import Json
from tape.cli.terminal import new_table, print_whole, shown, terminal
from tape.client.json_values import plain
from tape.client.stopped import Stopped, stopped_by_side
from tape.doctor.differences import Difference, Rules, compare_files, files_of, unknown_keys
from tape.exporters.documents import CLOCKS

_SHOWN = 40
"""Differences shown unless all are asked for."""
_CELL = 22


def command(
    a: Annotated[Path, typer.Argument(metavar="A", help="A folder of published files, or one file.")],
    b: Annotated[Path, typer.Argument(metavar="B", help="The folder or file to compare with.")],
    rel: Annotated[
        float, typer.Option(min=0, help="Relative tolerance: numbers this share apart count as equal.")
    ] = 1e-9,
    absolute: Annotated[float, typer.Option("--abs", min=0, help="Absolute tolerance.")] = 1e-9,
    ignore: Annotated[list[str] | None, typer.Option(metavar="KEY", help="Skip this key; repeatable.")] = None,
    clocks: Annotated[bool, typer.Option("--clocks", help="Compare the files' own clock keys too.")] = False,
    common: Annotated[bool, typer.Option("--common", help="Compare only keys that both sides have.")] = False,
    show_all: Annotated[bool, typer.Option("--all", help="Show every difference.")] = False,
    as_json: Json = False,
) -> None:
    """Compare two folders of published files, number by number. Exit 0: equal, 1: not."""
    files = files_of(a, b)
    if strange := unknown_keys(ignore or (), [path for _, *pair in files for path in pair]):
        raise typer.BadParameter(f"--ignore: expected a key of the files, found {', '.join(strange)} in none of them")
    ignored = frozenset(ignore or ()) | frozenset(() if clocks else (*CLOCKS, "stale_s"))
    rules = Rules(rel, absolute, ignored, only_common=common)
    found = {name: compare_files(left, right, rules) for name, left, right in files}
    stale = {name: (stopped_by_side(left), stopped_by_side(right)) for name, left, right in files}
    print_differences(a, b, found, stale, as_json=as_json, show_all=show_all)
    if any(found.values()):
        raise typer.Exit(1)


def print_differences(
    a: Path,
    b: Path,
    found: Mapping[str, Sequence[Difference]],
    stale: Mapping[str, tuple[Stopped, Stopped]],
    *,
    as_json: bool,
    show_all: bool,
) -> None:
    """Print the differences of each file, the largest first; then each side's files that rest on stopped inputs."""
    if as_json:
        files = {name: [vars(each) for each in differences] for name, differences in found.items()}
        told = {
            side: {name: each[at].newest for name, each in stale.items() if each[at].newest}
            for at, side in enumerate(("a", "b"))
        }
        print(json.dumps({"a": str(a), "b": str(b), "files": files, "stale_inputs": told}, default=plain))
        return
    console = terminal()
    console.print(f"A  {a}\nB  {b}", soft_wrap=True)
    verdicts = new_table()
    verdicts.add_column("file", no_wrap=True)
    verdicts.add_column("")
    for name, differences in found.items():
        verdicts.add_row(name, _verdict(differences))
    print_whole(console, verdicts)
    left = _SHOWN if not show_all else sum(map(len, found.values()))
    hidden = 0
    for name, differences in found.items():
        places = [each for each in differences if each.path]
        if places[:left]:
            print_whole(console, _places_of(name, places[:left], is_cut=console.is_terminal))
        hidden += len(places[left:])
        left -= len(places[:left])
    if hidden:
        console.print(f"{hidden:,} more: --all")
    for at, side in enumerate("AB"):
        for name, each in stale.items():
            if each[at].newest:
                console.print(f"{side}  {name} rests on inputs that stopped: {each[at]}", soft_wrap=True)


def _places_of(name: str, places: Sequence[Difference], *, is_cut: bool) -> Table:
    """Return the places of a file's differences; on a terminal, long values are cut."""
    table = new_table(name)
    table.add_column("where", overflow="fold", max_width=40 if is_cut else None)
    for side in ("A", "B"):
        table.add_column(side, justify="right", overflow="ellipsis", no_wrap=True, max_width=_CELL if is_cut else None)
    table.add_column("apart", justify="right", no_wrap=True)
    for each in places:
        table.add_row(each.path, *_sides(each), _apart(each))
    return table


def _verdict(differences: Sequence[Difference]) -> str:
    if not differences:
        return "equal"
    whole = differences[0]
    if whole.path:
        return f"{len(differences):,} difference{'' if len(differences) == 1 else 's'}"
    return whole.kind if whole.kind != "unreadable" else f"cannot be read: {whole.a or whole.b}"


def _sides(each: Difference) -> tuple[str, str]:
    a = "missing" if each.kind == "only in B" else _value(each.a)
    b = "missing" if each.kind == "only in A" else _value(each.b)
    return a, b


def _value(value: Any) -> str:
    return f"{value:.10g}" if isinstance(value, float) else "null" if value is None else shown(value)


def _apart(each: Difference) -> str:
    """Return a difference as a share of the larger number."""
    return f"{each.size:.2g}" if each.size != float("inf") else "-"
