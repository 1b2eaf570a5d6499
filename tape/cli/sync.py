"""``tape sync``: runs the mirror in Firestore."""

from __future__ import annotations

import typer

from tape.cli.options import home_of
from tape.cli.session import Session
from tape.owner.sync import sync as sync_home


def command(context: typer.Context) -> None:
    """Mirror the published files to Firestore as they change, in a process of its own. Ends with SIGTERM or Ctrl-C."""
    session = Session(home_of(context))
    sync_home(session.home, session.settings)
