"""What commands print: rich tables on a terminal and in pipes, JSON, CSV or Arrow where asked for."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from exporters.state_files import finite

if TYPE_CHECKING:
    from store.importer import ImportReport
    from tape.load import Loaded
    from tape.replay import Replayed

FORMATS = ("table", "json", "csv", "arrow")
_WIDTH = 100
_MAX_CELL = 44
_GAP = 3
"""Blanks between two columns."""


def _console() -> Console:
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=_WIDTH)


def _table(title: str | None = None) -> Table:
    return Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)


@contextmanager
def import_progress(folder: Path) -> Iterator[Callable[[Path], None]]:
    """A progress bar over the files of a folder, on a terminal only."""
    from store.legacy import CONFIGS, log_files

    total = sum(len(paths) for _, paths in log_files(folder)) + sum((folder / name).is_file() for name in CONFIGS)
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("reading", total=total)

        def on_file(path: Path) -> None:
            progress.update(task, description=str(path.relative_to(folder)), advance=1)

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
    _console().print(table)


def print_import(report: ImportReport, *, as_json: bool) -> None:
    """Per file: lines read, stored, already there, rejected."""
    if as_json:
        files = {file: asdict(count) for file, count in report.files.items()}
        print(json.dumps({"files": files, "total": asdict(report.total)}))
        return
    table = _table()
    table.add_column("file", no_wrap=True)
    for name in ("read", "stored", "already there", "rejected"):
        table.add_column(name, justify="right")
    rows = [*report.files.items(), ("total", report.total)]
    for at, (file, count) in enumerate(rows):
        numbers = [f"{value:,}" for value in (count.read, count.stored, count.known, count.rejected)]
        table.add_row(file, *numbers, end_section=at == len(rows) - 2)
    console = _console()
    console.print(table)
    if report.total.rejected:
        console.print("rejected lines are kept with their reason: tape show rejected_events")


def print_published(paths: list[Path], folder: Path, as_of: datetime, *, as_json: bool) -> None:
    """The files written, with their sizes."""
    if as_json:
        print(json.dumps({"as_of": as_of.isoformat(), "files": [str(path) for path in paths]}))
        return
    table = _table()
    table.add_column("file", no_wrap=True)
    table.add_column("bytes", justify="right")
    for path in paths:
        table.add_row(path.name, f"{path.stat().st_size:,}")
    console = _console()
    console.print(table)
    console.print(f"{len(paths)} files in {folder} as of {as_of.isoformat()}", soft_wrap=True)


def print_status(status: dict[str, Any], *, as_json: bool) -> None:
    """Rows per table, age of each published file, what the journal holds, and how the owner does where one runs."""
    if as_json:
        print(json.dumps(status, default=_plain))
        return
    console = _console()
    console.print(_tables_shown(status["tables"]))
    console.print(_files_shown(status["files"]))
    for producer in status["journal"]:
        refused = f", refused {producer['refused']:,}" if producer["refused"] else ""
        console.print(
            f"journal of {producer['producer']}: recorded 1..{producer['recorded']:,},"
            f" stored 1..{producer['stored']:,}{refused}, gaps {producer['gaps']:,}",
            soft_wrap=True,
        )
    if status.get("sync") is not None:
        console.print(_sync_shown(status["sync"]), soft_wrap=True)
    if "pid" not in status:
        console.print("no owner runs")
        return
    mirrors = [f"mirror {name}: {error}" for name, error in status["mirrors"].items() if error]
    failing = [f"{name}: {worker['error']}" for name, worker in status["workers"].items() if worker["error"]]
    size, wal, free = (f"{status[key] / 2**20:,.1f} MB" for key in ("database_bytes", "wal_bytes", "disk_free_bytes"))
    console.print(f"owner: pid {status['pid']}, since {status['started']}, last backup {status['last_backup'] or '-'}")
    console.print(f"database {size}, write-ahead log {wal}, disk free {free}")
    for line in [*failing, *mirrors]:
        console.print(f"failing: {line}", soft_wrap=True)


def _sync_shown(sync: dict[str, Any]) -> str:
    state = "stopped" if sync["is_stopped"] else f"lag {sync['lag_s']:,.0f} s"
    waiting = f", waiting: {', '.join(sync['waiting'])}" if sync["waiting"] else ""
    troubles = "; ".join(filter(None, [sync["error"], *sync["problems"]]))
    counted = f"{sync['writes']:,} documents set, {sync['failures']:,} failures"
    return f"sync to hedge/{sync['env']}: {state}, {counted}{waiting}{f'; {troubles}' if troubles else ''}"


def print_loaded(loaded: Loaded, *, as_json: bool) -> None:
    """What a load run recorded, by event type."""
    if as_json:
        print(json.dumps(vars(loaded)))
        return
    table = _table()
    table.add_column("event", no_wrap=True)
    table.add_column("recorded", justify="right")
    for kind, count in sorted(loaded.events.items()):
        table.add_row(kind, f"{count:,}")
    console = _console()
    console.print(table)
    total = sum(loaded.events.values())
    console.print(f"{total:,} events in {loaded.batches:,} batches by {len(loaded.producers)} producers")
    if loaded.dropped:
        console.print(f"{loaded.dropped:,} batches could not be written")


def _tables_shown(tables: list[dict[str, Any]]) -> Table:
    stored = _table("tables")
    stored.add_column("table", no_wrap=True)
    stored.add_column("rows", justify="right")
    stored.add_column("first event")
    stored.add_column("last event")
    for item in tables:
        stored.add_row(item["name"], f"{item['rows']:,}", _shown(item["first"]), _shown(item["last"]))
    return stored


def _files_shown(files: dict[str, dict[str, Any]]) -> Table:
    published = _table("published files")
    published.add_column("file", no_wrap=True)
    published.add_column("age", justify="right")
    published.add_column("failures", justify="right")
    published.add_column("error", overflow="fold", max_width=_MAX_CELL)
    for name, file in files.items():
        age = "never published" if file["age_s"] is None else f"{file['age_s']:,.0f} s"
        published.add_row(name, age, _shown(file.get("failures")), _shown(file.get("error")))
    return published


def print_rows(names: list[str], rows: Sequence[Sequence[Any]], output: str, *, title: str | None = None) -> None:
    """A query's rows as a table, JSON or CSV."""
    if output == "json":
        print(json.dumps(finite([dict(zip(names, row, strict=True)) for row in rows]), default=_plain))
    elif output == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(names)
        writer.writerows([["" if value is None else _cell(value) for value in row] for row in rows])
    else:
        _print_rows(names, [[_shown(value) for value in row] for row in rows], _numeric(names, rows), title)


def _numeric(names: list[str], rows: Sequence[Sequence[Any]]) -> set[str]:
    return {name for at, name in enumerate(names) if any(isinstance(row[at], (int, float, Decimal)) for row in rows)}


def _print_rows(names: list[str], rows: list[list[str]], numeric: set[str], title: str | None) -> None:
    """Rows as a table; where the columns do not fit side by side, as several, each led by the first column."""
    console = _console()
    for columns in _fitting(names, rows, console.width):
        table = _table(title)
        for at in columns:
            justify: Literal["right", "left"] = "right" if names[at] in numeric else "left"
            table.add_column(names[at], justify=justify, overflow="fold", max_width=_MAX_CELL)
        for row in rows:
            table.add_row(*(row[at] for at in columns))
        console.print(table)
        title = None
    console.print(f"{len(rows)} row{'' if len(rows) == 1 else 's'}")


def _fitting(names: list[str], rows: list[list[str]], width: int) -> list[list[int]]:
    """Column numbers in groups that fit into a width, the first column in each."""
    widths = [min(_MAX_CELL, max(len(name), *(len(row[at]) for row in rows), 0)) for at, name in enumerate(names)]
    groups: list[list[int]] = [[0]]
    used = widths[0] + 1
    for at in range(1, len(names)):
        if used + widths[at] + _GAP > width and len(groups[-1]) > 1:
            groups.append([0])
            used = widths[0] + 1
        groups[-1].append(at)
        used += widths[at] + _GAP
    return groups


def _plain(value: Any) -> float | str:
    if isinstance(value, Decimal):
        return float(value)
    return _instant(value) if isinstance(value, datetime) else str(value)


def _cell(value: Any) -> Any:
    if isinstance(value, (datetime, Decimal)):
        return _plain(value)
    return json.dumps(value, default=_plain) if isinstance(value, (dict, list)) else value


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:,.6g}" if abs(value) < 1e6 else f"{value:,.2f}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(_cell(value))


def _instant(value: datetime) -> str:
    text = value.astimezone(UTC) if value.tzinfo else value
    return text.isoformat().replace("+00:00", "Z")
