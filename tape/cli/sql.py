"""``tape sql``: runs a statement, a session, or the statements of stdin."""

from __future__ import annotations

import sys
from datetime import UTC
from typing import Annotated

import typer

from tape.cli.options import AsOf, Zone, home_of
from tape.cli.repl.prompt import talk
from tape.cli.repl.shell import Left, Shell
from tape.cli.repl.statements import steps_of
from tape.cli.session import Session
from tape.cli.tables import FORMATS
from tape.client.instants import is_whole, shown
from tape.settings import state_folder
from tape.store.claims import owner_pid


def command(
    context: typer.Context,
    query: Annotated[
        str | None, typer.Argument(metavar="[QUERY]", help='One statement, e.g. "from symbol_scores".')
    ] = None,
    as_of: AsOf = None,
    tz: Zone = None,
    output: Annotated[str, typer.Option("--format", metavar="FORMAT", help="table, json, csv or arrow.")] = "table",
) -> None:
    """Ask the database, read-only. Views show the instant given with --as-of, else now.

    Without QUERY, a terminal gets a session; otherwise the statements of stdin run one after another, up to the first
    that fails.
    """
    if output not in FORMATS:
        raise typer.BadParameter(f"expected one of {', '.join(FORMATS)}, found {output!r}")
    is_typed = query is None and sys.stdin.isatty() and sys.stdout.isatty()
    if is_typed and output == "arrow":
        raise typer.BadParameter("--format arrow needs a QUERY, or statements on stdin")
    if output == "arrow" and tz is not None:
        raise typer.BadParameter("--tz: arrow has instants, which are of no zone: expected table, json or csv")
    session = Session(home_of(context))
    at = session.at(as_of, tz or UTC)
    if at is not None and output != "table" and not is_whole(as_of or ""):
        print(f"tape: as of {shown(at, tz or UTC)}", file=sys.stderr)
    shell = Shell(session.client, as_of=at, mode=output, zone=tz or UTC)
    if is_typed:
        print(f"{_told(session)}; .help says what there is, Ctrl-D leaves")
        talk(shell, state_folder())
        return
    if query is not None:
        shell.ask(query)
        return
    try:
        for step in steps_of(sys.stdin.read()):
            shell.run(step)
    except Left:
        return


def _told(session: Session) -> str:
    pid = owner_pid(session.home)
    return f"home {session.home}, {'no owner runs' if pid is None else f'owner pid {pid}'}"
