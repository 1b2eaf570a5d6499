"""Commands that ask the store."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from tape.commands.session import AsOf, Json, Session

_TAILS = ("fills", "vetoes", "closes", "ticks", "metrics", "shadow", "acks", "attempts")
"""What has an end that can be followed; ``tape.tail`` knows where each lies."""


def sql(
    context: typer.Context,
    query: Annotated[
        str | None, typer.Argument(metavar="[QUERY]", help='One statement, e.g. "from symbol_scores".')
    ] = None,
    as_of: AsOf = None,
    output: Annotated[str, typer.Option("--format", metavar="FORMAT", help="table, json, csv or arrow.")] = "table",
) -> None:
    """Ask the database, read-only. Views show the instant given with --as-of, else now.

    Without QUERY a session at a terminal, else the statements of stdin, one after another, up to the first that fails.
    """
    from tape.display.rows import FORMATS

    if output not in FORMATS:
        raise typer.BadParameter(f"expected one of {', '.join(FORMATS)}, found {output!r}")
    is_typed = query is None and sys.stdin.isatty() and sys.stdout.isatty()
    if is_typed and output == "arrow":
        raise typer.BadParameter("--format arrow needs a QUERY, or statements on stdin")
    from tape.repl.shell import Left, Shell
    from tape.repl.statements import steps_of

    session: Session = context.obj
    shell = Shell(session.client, as_of=as_of, mode=output)
    if is_typed:
        from tape.repl.prompt import talk
        from tape.settings import state_folder

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
    from tape.store.owner_lock import owner_pid

    pid = owner_pid(session.home)
    return f"home {session.home}, {'no owner runs' if pid is None else f'owner pid {pid}'}"


def show(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="A view or table, e.g. symbol_scores.")],
    as_of: AsOf = None,
    limit: Annotated[int, typer.Option(min=1, help="Rows at the most.")] = 50,
    show_all: Annotated[bool, typer.Option("--all", help="Every column, in the order of the table or view.")] = False,
    as_json: Json = False,
) -> None:
    """Show a view or a table: the newest rows first where it has a time. JSON has every column."""
    from tape.display.layouts import newest_first
    from tape.store.errors import one_of
    from tape.store.schema import METADATA
    from tape.store.sql_files import sql_objects

    names = sorted([*METADATA.tables, *(item.name for item in sql_objects() if not item.is_macro)])
    if name not in names:
        raise typer.BadParameter(f"expected {one_of(names, name)}, found {name!r}")
    order = newest_first(name)
    query = f'from "{name}" {f"order by {order}" if order else ""} limit'
    from tape.repl.shell import Shell

    if as_json:
        Shell(context.obj.client, as_of=as_of, mode="json").ask(f"{query} {limit}")
        return
    from tape.display.relation import print_relation

    client = context.obj.client
    relation = Shell(client).relations[name]
    answer = client.query(f"{query} {limit + 1}", as_of=as_of)
    print_relation(relation, answer, limit, show_all=show_all, as_of=as_of, is_newest_first=order is not None)


def tail(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help=f"{', '.join(_TAILS)}.")],
    count: Annotated[int, typer.Option("-n", min=0, help="How many of the newest rows first.")] = 10,
    follow: Annotated[bool, typer.Option("--follow/--no-follow", help="Go on with what comes, until Ctrl-C.")] = True,
    symbol: Annotated[str | None, typer.Option(help="Of one instrument only, e.g. BTCUSDT.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One object a line, every column.")] = False,
) -> None:
    """Show the newest rows, and follow what comes, in the order in which it is stored."""
    if name not in _TAILS:
        raise typer.BadParameter(f"expected one of {', '.join(_TAILS)}, found {name!r}")
    if symbol is not None and name == "ticks":
        raise typer.BadParameter("--symbol: a tick is of the account, not of a symbol")
    from tape.display.tail import Lines, print_json_lines
    from tape.tail import SOURCES, Tail

    client = context.obj.client
    if symbol is not None:
        symbol = _normal_symbol(client.home, symbol)
    ending = Tail(client, SOURCES[name], symbol)
    show_rows = print_json_lines if as_json else Lines(name).print
    try:
        show_rows(ending.newest(count))
        if follow and not client.has_owner:
            _note("no owner runs: nothing follows")
        elif follow:
            for rows in ending.follow(_note):
                show_rows(rows)
    except KeyboardInterrupt:
        return


def _normal_symbol(home: Path, symbol: str) -> str:
    """Return the symbol as it is stored; that nothing knows it yet is said, since its first row may still come."""
    from tape.symbols import UnknownSymbol, known_symbols, normal

    name = normal(symbol)
    known, fault = known_symbols(home)
    if name not in known and fault is None:
        _note(str(UnknownSymbol(name, known)))
    return name


def _note(text: str) -> None:
    print(f"tape: {text}", file=sys.stderr, flush=True)
