"""Commands that ask the store."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import Annotated

import typer

from tape.commands.session import AsOf, Json, Session


def sql(
    context: typer.Context,
    query: Annotated[str, typer.Argument(metavar="QUERY", help='One statement, e.g. "from symbol_scores".')],
    as_of: AsOf = None,
    output: Annotated[str, typer.Option("--format", metavar="FORMAT", help="table, json, csv or arrow.")] = "table",
) -> None:
    """Ask the database, read-only. Views show the instant given with --as-of, else now."""
    from tape.display.rows import FORMATS

    if output not in FORMATS:
        raise typer.BadParameter(f"expected one of {', '.join(FORMATS)}, found {output!r}")
    _print_query(context.obj, query, as_of, output)


def show(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="A view or table, e.g. symbol_scores.")],
    as_of: AsOf = None,
    limit: Annotated[int, typer.Option(min=1, help="Rows at the most.")] = 50,
    as_json: Json = False,
) -> None:
    """Show a view or a table."""
    from store.schema import METADATA
    from store.views import sql_objects

    names = sorted([*METADATA.tables, *(item.name for item in sql_objects() if not item.is_macro)])
    if name not in names:
        raise typer.BadParameter(f"expected one of {', '.join(names)}, found {name!r}")
    output = "json" if as_json else "table"
    _print_query(context.obj, f'from "{name}" limit {limit}', as_of, output, title=name)


def _print_query(
    session: Session, query: str, as_of: datetime | None, output: str, *, title: str | None = None
) -> None:
    from tape.display.rows import print_rows

    if output == "arrow":
        stream, is_cut = session.client.arrow(query, as_of=as_of)
        sys.stdout.buffer.write(stream)
    else:
        answer = session.client.query(query, as_of=as_of)
        print_rows(answer.columns, answer.rows, output, title=title)
        is_cut = answer.is_cut
    if is_cut:
        print(f"tape: only the first {session.settings.door.max_rows:,} rows are shown", file=sys.stderr)
