"""The options that several commands share, and the home folder; light to import."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from tape.client import instants


def home_of(context: typer.Context) -> Path:
    """Return the home folder that a command works on: ``--home``, else what the settings say."""
    if isinstance(context.obj, Path):
        return context.obj
    from tape.settings import home_folder  # takes a third of a second to load

    return home_folder(None)


def instant(text: str) -> datetime:
    """Return the instant that a person gave.

    Raises:
        typer.BadParameter: the text is none.
    """
    try:
        return instants.instant(text)
    except instants.NoInstant as error:
        raise typer.BadParameter(str(error)) from None


AsOf = Annotated[
    datetime | None,
    typer.Option(
        parser=instant, metavar="T", help="The instant to compute for (RFC 3339, UTC unless it says otherwise)."
    ),
]
TakeOver = Annotated[
    bool,
    typer.Option("--take-over", help="Also replace files of other programs; they are kept in logs/taken-over."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
EVERY_S = 2.0
"""From look to look of ``--watch``, unless said."""
Watch = Annotated[bool, typer.Option("--watch", help="Look again and again, until Ctrl-C.")]
LEAST_S = 0.1


def seconds(text: str) -> float:
    """Return the seconds from look to look that a person gave.

    Raises:
        typer.BadParameter: the text is no such number.
    """
    try:
        given = float(text)
    except ValueError:
        told = "; `tape explain` traces one published file" if text.endswith(".json") else ""
        raise typer.BadParameter(f"expected seconds from look to look, found {text!r}{told}") from None
    if not LEAST_S <= given < float("inf"):
        raise typer.BadParameter(f"expected at least {LEAST_S} seconds from look to look, found {text}")
    return given


Seconds = Annotated[
    float | None, typer.Argument(metavar="[SECONDS]", parser=seconds, help="With --watch: from look to look; else 2.")
]


def is_watched(watch: bool, seconds: float | None) -> bool:
    """Return whether a command looks again and again.

    Raises:
        typer.BadParameter: it looks once, and is told how often.
    """
    if seconds is not None and not watch:
        raise typer.BadParameter("SECONDS needs --watch")
    return watch
