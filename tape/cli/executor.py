"""The contract's command: the executor alone, beside ``tape serve``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tape.cli.session import Session
from tape.runtime.run import run_executor
from tape.settings import home_folder, is_checkout, named_home

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.command()
def command(
    home: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Home folder; else TAPE_HOME, else, in a checkout of Tape, this folder."),
    ] = None,
    seconds: Annotated[float | None, typer.Option(min=0.1, help="End after this time; else with Ctrl-C.")] = None,
) -> None:
    """Run the executor alone, beside `tape serve`."""
    # Other runtimes have a module of this name too. Started by mistake in such a runtime's folder, this command must
    # not begin to trade there on paper.
    if named_home(home) is None and not is_checkout(Path.cwd()):
        raise typer.BadParameter(
            f"home: expected --home DIR or TAPE_HOME outside a checkout of Tape, found neither in {Path.cwd()}"
        )
    session = Session(home_folder(home))
    run_executor(session.home, session.settings, seconds=seconds)
