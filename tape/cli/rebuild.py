"""``tape rebuild``: rebuilds a damaged or lost database."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from tape.cli.options import Json, home_of
from tape.cli.session import Session
from tape.cli.terminal import terminal
from tape.store.claims import owning
from tape.store.recovery.damaged import Rebuilt
from tape.store.recovery.rebuild import rebuild as rebuild_database


def command(
    context: typer.Context,
    source: Annotated[
        Path | None, typer.Option("--from", metavar="BACKUP", help="Backup to begin with; else the newest intact one.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Rebuild a damaged or lost database from a backup and the journal recorded after it. The old one is set aside.

    Exit code 1: something that the old database had is lost.
    """
    session = Session(home_of(context))
    with owning(session.home):
        resources = session.settings.resources()
        done = rebuild_database(session.home, resources, now=datetime.now(UTC), source=source, is_loss_accepted=True)
    print_rebuilt(done, as_json=as_json)
    raise typer.Exit(1 if done.lost else 0)


def print_rebuilt(done: Rebuilt, *, as_json: bool) -> None:
    """Print what a rebuild read and stored, what is lost, and where the old database is."""
    if as_json:
        print(json.dumps(asdict(done)))
        return
    lines = [
        *done.unusable,
        f"begun with {done.backup or 'nothing: there is no whole backup'}",
        f"{done.batches:,} batches, {done.events:,} events, from {done.segments:,} segments of the journal behind it",
        f"{done.rows:,} rows, every block read",
        *(f"journal of {each}" for each in done.journal),
        *(f"gap: {each}" for each in done.gaps),
        *(f"LOST: {each}" for each in done.lost),
        *done.notes,
        *(f"set aside: {each}" for each in done.set_aside),
    ]
    console = terminal()
    for line in lines:
        console.print(line, soft_wrap=True)
