"""Lists what can be queried."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rich.table import Table
from rich.text import Text

from tape.cli.terminal import WIDTH, new_table, terminal
from tape.store.views.catalog import GROUPS, Column, Relation

_MAX_TYPE = 24
_SEEN = "Of each events table the rows that the session sees."


def print_relations(relations: Iterable[Relation]) -> None:
    """Print tables and views by group, with their purposes."""
    console = terminal()
    listed = list(relations)
    width = max((len(each.name) for each in listed), default=0)
    for group in GROUPS:
        members = [each for each in listed if each.group == group]
        if not members:
            continue
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(width=width, no_wrap=True)
        table.add_column(max_width=min(console.width, WIDTH) - width - 2, overflow="ellipsis", no_wrap=True)
        seen = [each for each in members if each.name.startswith("seen_")]
        for each in members:
            if each not in seen:
                table.add_row(each.name, Text(each.purpose, style="dim"))
        if seen:
            table.add_row(f"seen_* ({len(seen)})", Text(_SEEN, style="dim"))
        console.print(Text(group, style="bold"))
        console.print(table)
        console.print()


def print_schema(relation: Relation) -> None:
    """Print the description of one relation, and its columns."""
    console = terminal()
    console.print(Text(relation.name, style="bold"))
    if relation.description:
        console.print(Text(relation.description))
    table = new_table()
    table.padding, table.show_edge = (0, 1, 0, 0), False
    name = max(len("column"), *(len(column.name) for column in relation.columns))
    kind = min(_MAX_TYPE, max(len(_type(column)) for column in relation.columns))
    table.add_column("column", width=name, no_wrap=True)
    table.add_column("type", width=kind, overflow="fold")
    table.add_column("meaning", max_width=min(console.width, WIDTH) - name - kind - 4, overflow="fold")
    for column in relation.columns:
        table.add_row(column.name, Text(_type(column)), Text(column.comment))
    console.print(table)


def _type(column: Column) -> str:
    return column.type.lower().replace("timestamp with time zone", "timestamptz")


def print_commands(commands: Mapping[str, str]) -> None:
    """Print the commands of a session beside SQL."""
    for name, said in commands.items():
        print(f"{name:<10}{said}")
    print("Anything else is SQL and ends with a semicolon; Ctrl-C takes it back, or ends what runs.")
