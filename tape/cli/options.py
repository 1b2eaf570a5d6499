"""Options that several commands share, and the home folder; light to import."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Annotated

import typer

from tape.client import instants


def home_of(context: typer.Context) -> Path:
    """Return the home folder of a command: ``--home``, else the one from the settings."""
    if isinstance(context.obj, Path):
        return context.obj
    from tape.settings import home_folder  # takes a third of a second to load

    return home_folder(None)


def instant_text(text: str) -> str:
    """Check the text of an instant and return it; its value may depend on the store and on ``--tz``.

    Raises:
        typer.BadParameter: the text is not an instant.
    """
    try:
        instants.instant(text, datetime.now(UTC))
    except instants.NoInstant as error:
        raise typer.BadParameter(str(error)) from None
    return text


def zone(text: str) -> tzinfo:
    """Return the time zone that a user named.

    Raises:
        typer.BadParameter: there is no zone of this name.
    """
    try:
        return instants.zone(text)
    except instants.NoZone as error:
        raise typer.BadParameter(str(error)) from None


AsOf = Annotated[
    str | None,
    typer.Option(parser=instant_text, metavar="T", help=f"The instant to compute for: {instants.FORMS}."),
]
Zone = Annotated[
    tzinfo | None,
    typer.Option(
        "--tz",
        parser=zone,
        metavar="ZONE",
        help="Time zone of times given and shown (Europe/Berlin, local); else UTC.",
    ),
]
TakeOver = Annotated[
    bool,
    typer.Option("--take-over", help="Also replace files of other programs; they are kept in logs/taken-over."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
EVERY_S = 2.0
"""Seconds between looks of ``--watch`` by default."""
Watch = Annotated[bool, typer.Option("--watch", help="Refresh until Ctrl-C.")]
LEAST_S = 0.1


def seconds(text: str) -> float:
    """Return the seconds between looks that a user gave.

    Raises:
        typer.BadParameter: the text is not such a number.
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
    float | None,
    typer.Argument(metavar="[SECONDS]", parser=seconds, help="With --watch: seconds between looks; else 2."),
]


def is_watched(watch: bool, seconds: float | None) -> bool:
    """Return whether a command repeats its look.

    Raises:
        typer.BadParameter: seconds are given without ``--watch``.
    """
    if seconds is not None and not watch:
        raise typer.BadParameter("SECONDS needs --watch")
    return watch
