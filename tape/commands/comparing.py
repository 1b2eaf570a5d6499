"""The command that compares what is published."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tape.commands.session import Json


def diff(
    a: Annotated[Path, typer.Argument(metavar="A", help="A folder of published files, or one file.")],
    b: Annotated[Path, typer.Argument(metavar="B", help="Another, e.g. an old runtime's.")],
    rel: Annotated[float, typer.Option(min=0, help="Numbers this share apart are equal.")] = 1e-9,
    absolute: Annotated[float, typer.Option("--abs", min=0, help="Numbers this far apart are equal.")] = 1e-9,
    ignore: Annotated[list[str] | None, typer.Option(metavar="KEY", help="A key not to look at; repeatable.")] = None,
    clocks: Annotated[bool, typer.Option("--clocks", help="Compare the files' own clock keys too.")] = False,
    common: Annotated[bool, typer.Option("--common", help="Look only at what both sides have.")] = False,
    show_all: Annotated[bool, typer.Option("--all", help="Show every difference.")] = False,
    as_json: Json = False,
) -> None:
    """Compare two folders of published files, number by number. Exit 0: equal, 1: not."""
    from tape.diff import Rules, compare_files, files_of
    from tape.display.diff import print_differences
    from tape.exporters.documents import CLOCKS

    ignored = frozenset(ignore or ()) | frozenset(() if clocks else CLOCKS)
    rules = Rules(rel, absolute, ignored, only_common=common)
    found = {name: compare_files(left, right, rules) for name, left, right in files_of(a, b)}
    print_differences(a, b, found, as_json=as_json, show_all=show_all)
    if any(found.values()):
        raise typer.Exit(1)
