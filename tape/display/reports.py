"""What a command did, and how far it is."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from tape.display.console import new_table, printable, terminal

if TYPE_CHECKING:
    from tape.load import Loaded
    from tape.replay import Replayed
    from tape.store.damaged import Rebuilt
    from tape.store.importer import ImportReport


@contextmanager
def import_progress(folder: Path, count: int) -> Iterator[Callable[[Path], None]]:
    """A progress bar over ``count`` files of a folder, on a terminal only."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("reading", total=count)

        def on_file(path: Path) -> None:
            progress.update(task, description=escape(str(path.relative_to(folder))), advance=1)

        yield on_file


@contextmanager
def replay_progress() -> Iterator[Callable[[Replayed], None]]:
    """How far a replay is: a bar on a terminal, and nothing elsewhere."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("replay", total=1.0)

        def tell(done: Replayed) -> None:
            part = (done.now - done.first) / ((done.last - done.first) or timedelta.resolution)
            nav = "-" if done.counts.equity_usd is None else f"{done.counts.equity_usd:,.2f}"
            progress.update(task, description=f"{done.now:%Y-%m-%d %H:%M} NAV {nav}", completed=part)

        yield tell


def print_import(report: ImportReport, *, as_json: bool) -> None:
    """Per file: lines read, stored, already there, rejected; then what else is to be said, and what was not read."""
    if as_json:
        files = {file: asdict(count) for file, count in report.files.items()}
        unread = [asdict(each) for each in report.unread]
        print(json.dumps({"files": files, "total": asdict(report.total), "unread": unread, "notes": report.notes}))
        return
    table = new_table()
    table.add_column("file", no_wrap=True)
    for name in ("read", "stored", "already there", "rejected"):
        table.add_column(name, justify="right")
    rows = [*report.listed(_MOST_FILES), ("total", report.total)]
    for at, (file, count) in enumerate(rows):
        numbers = [f"{value:,}" for value in (count.read, count.stored, count.known, count.rejected)]
        table.add_row(Text(printable(file)), *numbers, end_section=at == len(rows) - 2)
    console = terminal()
    console.print(table)
    if report.total.rejected:
        console.print("rejected lines are kept with their reason: tape show rejected_events")
    for line in [*report.notes[:_MOST_FILES], *_not_read(report)]:
        console.print(Text(printable(line)), soft_wrap=True)


_MOST_FILES = 100
"""Files that are listed one by one; the JSON has all of them."""


def _not_read(report: ImportReport) -> list[str]:
    if not report.unread:
        return []
    lines = []
    for each in report.unread[:_MOST_FILES]:
        more = f" and {each.count - len(each.paths):,} more" if each.count > len(each.paths) else ""
        lines.append(f"  {', '.join(each.paths)}{more}: {each.reason}")
    if others := sum(each.count for each in report.unread[_MOST_FILES:]):
        lines.append(f"  {others:,} more: tape import --json lists them")
    return [f"not read: {sum(each.count for each in report.unread):,} files or folders", *lines]


def print_rebuilt(done: Rebuilt, *, as_json: bool) -> None:
    """What a rebuild read and stored, what it could not bring back, and where the old database is."""
    if as_json:
        print(json.dumps(asdict(done)))
        return
    lines = [
        *done.unusable,
        f"begun with {done.backup or 'nothing: there is no whole backup'}",
        f"{done.batches:,} batches, {done.events:,} events, from {done.segments:,} segments of the journal behind it",
        f"{done.rows:,} rows, every block read",
        *(f"journal of {each}" for each in done.journal),
        *(f"gap: {each}" for each in done.gaps),
        *(f"LOST: {each}" for each in done.lost),
        *done.notes,
        *(f"set aside: {each}" for each in done.set_aside),
    ]
    console = terminal()
    for line in lines:
        console.print(line, soft_wrap=True)


def print_published(paths: list[Path], folder: Path, as_of: datetime, *, as_json: bool) -> None:
    """The files written, with their sizes."""
    if as_json:
        print(json.dumps({"as_of": as_of.isoformat(), "files": [str(path) for path in paths]}))
        return
    table = new_table()
    table.add_column("file", no_wrap=True)
    table.add_column("bytes", justify="right")
    for path in paths:
        table.add_row(path.name, f"{path.stat().st_size:,}")
    console = terminal()
    console.print(table)
    console.print(f"{len(paths)} files in {folder} as of {as_of.isoformat()}", soft_wrap=True)


def print_replayed(done: Replayed) -> None:
    """What a replay did."""
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


def print_loaded(loaded: Loaded, *, as_json: bool) -> None:
    """What a load run recorded, by event type."""
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
