"""``tape load``: records events at a given rate, for measurements."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from tape.cli.options import Json, home_of
from tape.cli.session import Session
from tape.cli.terminal import new_table, terminal
from tape.runtime.load import Loaded
from tape.runtime.load import load as load_home


def command(
    context: typer.Context,
    rate: Annotated[float, typer.Option(min=1, help="Events per second, all producers together.")] = 200.0,
    seconds: Annotated[float, typer.Option(min=0.1, help="Duration.")] = 10.0,
    producers: Annotated[int, typer.Option(min=1, help="Number of processes that record.")] = 1,
    seed: Annotated[int, typer.Option(help="The same seed gives the same events.")] = 1,
    as_json: Json = False,
) -> None:
    """Record a realistic mix of all events through the real journal, and say how many of each."""
    session = Session(home_of(context))
    print_loaded(load_home(session.home, rate=rate, seconds=seconds, producers=producers, seed=seed), as_json=as_json)


def print_loaded(loaded: Loaded, *, as_json: bool) -> None:
    """Print what a load run recorded, by event type."""
    if as_json:
        print(json.dumps(vars(loaded)))
        return
    table = new_table()
    table.add_column("event", no_wrap=True)
    table.add_column("recorded", justify="right")
    for kind, count in sorted(loaded.events.items()):
        table.add_row(kind, f"{count:,}")
    console = terminal()
    console.print(table)
    total = sum(loaded.events.values())
    console.print(f"{total:,} events in {loaded.batches:,} batches by {len(loaded.producers)} producers")
    if loaded.dropped:
        console.print(f"{loaded.dropped:,} batches could not be written")
