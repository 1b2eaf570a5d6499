"""``tape run``: runs a whole runtime, live or on a recorded market."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from tape.cli.options import TakeOver, home_of
from tape.cli.session import Session
from tape.cli.terminal import terminal
from tape.runtime.replay import PUBLISH_EVERY_S, Replayed
from tape.runtime.replay import replay as replay_home
from tape.runtime.run import run as run_home

MAX = "max"


def command(
    context: typer.Context,
    seconds: Annotated[float | None, typer.Option(min=0.1, help="End after this time; else with Ctrl-C.")] = None,
    replay: Annotated[
        Path | None,
        typer.Option(metavar="MARKET", help="Trade recorded candles (Parquet, CSV) or raw Binance frames."),
    ] = None,
    speed: Annotated[
        str | None, typer.Option(parser=_speed, metavar="X", help="Replay: multiple of real time, or max; else max.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Replay: the same seed gives the same database; else 1.")] = None,
    interval: Annotated[
        float | None, typer.Option(min=0.05, help="Replay: seconds between ticks; else the market's own.")
    ] = None,
    publish_every: Annotated[
        float | None, typer.Option(min=1, help="Replay: seconds of market time between exports; else 2 hours.")
    ] = None,
    take_over: TakeOver = False,
) -> None:
    """Run a whole trading runtime: executor, owner and exporters in one process, on paper money unless configured.

    With --replay it trades a recorded market on that market's clock, in a home without history, and ends when the
    market ends.
    """
    session = Session(home_of(context))
    if replay is None:
        given = {"--speed": speed, "--seed": seed, "--interval": interval, "--publish-every": publish_every}
        if named := [option for option, value in given.items() if value is not None]:
            raise typer.BadParameter(f"{', '.join(named)}: expected --replay MARKET with it, found none")
        run_home(session.home, session.settings, seconds=seconds, take_over=take_over)
        return
    with replay_progress() as tell:
        done = replay_home(
            session.home,
            session.settings,
            replay,
            speed=None if isinstance(speed, str) else speed,
            seed=1 if seed is None else seed,
            interval_s=interval,
            publish_every_s=publish_every or PUBLISH_EVERY_S,
            tell=tell,
        )
    print_replayed(done)


def _speed(text: str) -> float | str:
    if text == MAX:
        return MAX
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed < float("inf"):
        raise typer.BadParameter(f"expected {MAX} or a multiple of real time such as 60, found {text!r}")
    return speed


@contextmanager
def replay_progress() -> Iterator[Callable[[Replayed], None]]:
    """Show the progress of a replay: a bar on a terminal, else nothing."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("replay", total=1.0)

        def tell(done: Replayed) -> None:
            part = (done.now - done.first) / ((done.last - done.first) or timedelta.resolution)
            nav = "-" if done.counts.equity_usd is None else f"{done.counts.equity_usd:,.2f}"
            progress.update(task, description=f"{done.now:%Y-%m-%d %H:%M} NAV {nav}", completed=part)

        yield tell


def print_replayed(done: Replayed) -> None:
    """Print what a replay did."""
    counts = done.counts
    rows = {
        "market": f"{done.first:%Y-%m-%d %H:%M} to {done.now:%Y-%m-%d %H:%M} UTC",
        **({"left out": f"{done.left_out:,} frames, the first in {done.first_left_out}"} if done.left_out else {}),
        "took": f"{done.seconds:,.1f} s",
        "NAV": "-" if counts.equity_usd is None else f"{counts.equity_usd:,.2f} USD",
        "realized": f"{counts.realized_usd:+,.2f} USD",
        "ticks": f"{counts.ticks:,}",
        "events": f"{counts.events:,} recorded, {done.stored:,} stored",
        "attempts": f"{counts.attempts:,}",
        "fills": f"{counts.fills:,}",
        "closes": f"{counts.closes:,}",
        "vetoes": f"{counts.vetoes:,}",
        "shadow": f"{counts.shadow_allowed:,} allowed, {counts.shadow_vetoed:,} vetoed",
        "exports": f"{done.files:,} files in {done.rounds:,} rounds",
    }
    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right")
    table.add_column()
    for label, text in rows.items():
        table.add_row(label, text)
    terminal().print(table)
