"""``tape import``: imports a folder of old logs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import duckdb
import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from tape.cli.interrupted import Interrupted
from tape.cli.options import Json, home_of
from tape.cli.session import Session
from tape.cli.terminal import new_table, printable, terminal
from tape.store.database import closing, is_interrupt
from tape.store.database import migrate as migrate_database
from tape.store.legacy.importer import ImportReport, import_logs
from tape.store.legacy.logs import find_logs, log_folder

_MOST_FILES = 100
"""Files that are listed one by one; the JSON has all of them."""


def command(
    context: typer.Context,
    logs_dir: Annotated[Path, typer.Argument(metavar="LOGS_DIR", help="Folder of old logs.")],
    as_json: Json = False,
) -> None:
    """Import a folder of old JSON/JSONL logs. Importing twice stores nothing new."""
    session = Session(home_of(context))
    if not logs_dir.is_dir():
        raise typer.BadParameter(f"expected a folder, found {_what_is_at(logs_dir)}")
    session.alone()
    found = find_logs(logs_dir)
    migrate_database(session.places.database, session.settings.resources())
    with closing(session.open(read_only=False)) as connection, import_progress(logs_dir, found.count) as on_file:
        now = datetime.now(UTC)
        try:
            report = import_logs(connection, logs_dir, now=now, found=found, on_file=on_file)
        except (KeyboardInterrupt, RuntimeError) as error:
            if not is_interrupt(error):
                raise
            raise Interrupted(_stored_until(connection, now)) from None
    print_import(report, as_json=as_json)


def _stored_until(connection: duckdb.DuckDBPyConnection, began: datetime) -> str:
    """Return what an interrupted import has stored: whole logs, one after another."""
    rows = connection.execute(
        "select log, sum(last_seq - first_seq + 1)::bigint from imports where imported_ts = ? group by 1 order by 1",
        [began],
    ).fetchall()
    logs = ", ".join(f"{log} {count:,}" for log, count in rows) or "nothing"
    return f"interrupted: stored so far: {logs}; importing again stores the rest"


def _what_is_at(path: Path) -> str:
    """Return what is at the path that the user gave instead of a folder of logs."""
    if not path.exists():
        return f"nothing at {path}"
    folder = log_folder(path.absolute())
    return f"a file, {path}" + ("" if folder is None else f": import its folder, {folder}")


@contextmanager
def import_progress(folder: Path, count: int) -> Iterator[Callable[[Path], None]]:
    """Show a progress bar over ``count`` files of a folder, on a terminal only."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("reading", total=count)

        def on_file(path: Path) -> None:
            progress.update(task, description=escape(str(path.relative_to(folder))), advance=1)

        yield on_file


def print_import(report: ImportReport, *, as_json: bool) -> None:
    """Print per file the lines read, stored, known and rejected; then notes, and the files that were not read."""
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
    left = len(report.notes) - _MOST_FILES
    more = [f"{left:,} more notes: tape import --json lists them"] if left > 0 else []
    for line in [*report.notes[:_MOST_FILES], *more, *_not_read(report)]:
        console.print(Text(printable(line)), soft_wrap=True)


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
