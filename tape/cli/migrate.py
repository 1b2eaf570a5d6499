"""``tape migrate``: creates or upgrades the schema and the views of a database."""

from __future__ import annotations

import typer

from tape.cli.options import home_of
from tape.cli.session import Session
from tape.store.database import migrate as migrate_database


def command(context: typer.Context) -> None:
    """Create or upgrade the database, and bring its macros and views up to date."""
    session = Session(home_of(context))
    session.alone()
    for line in migrate_database(session.places.database, session.settings.resources()) or ["already up to date"]:
        typer.echo(line)
