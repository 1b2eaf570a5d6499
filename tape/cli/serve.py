"""``tape serve``: runs the owner of a home."""

from __future__ import annotations

import typer

from tape.cli.options import TakeOver, home_of
from tape.cli.session import Session
from tape.owner.owner import serve as serve_home


def command(context: typer.Context, take_over: TakeOver = False) -> None:
    """Own the database: store what is recorded, publish every file, answer queries. Ends with SIGTERM or Ctrl-C.

    If another program keeps files of the same names, the owner writes nothing, names the first such file and ends.
    """
    session = Session(home_of(context))
    serve_home(session.home, session.settings, take_over=take_over)
