"""``tape backup``: a verified copy of the database."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from tape.cli.options import home_of
from tape.cli.session import Session
from tape.store.database import closing
from tape.store.recovery.backup import backup as backup_database
from tape.store.recovery.backup import dated_name


def command(
    context: typer.Context, dest: Annotated[Path, typer.Argument(metavar="DEST", help="File, or folder.")]
) -> None:
    """Copy the database, also while its owner runs, and verify the copy."""
    session = Session(home_of(context))
    to = (dest / dated_name(datetime.now(UTC)) if dest.is_dir() else dest).resolve()
    if session.client.has_owner:
        session.client.ask({"request": "backup", "to": str(to)})
    else:
        with closing(session.open(read_only=False)) as connection:
            backup_database(connection, session.places.database, to, writing=nullcontext())
    typer.echo(str(to))
