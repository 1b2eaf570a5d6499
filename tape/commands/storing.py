"""Commands that fill the store, keep it in shape, and copy it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tape.commands.session import Interrupted, Json, Session

if TYPE_CHECKING:
    import duckdb


def migrate(context: typer.Context) -> None:
    """Create or upgrade the database, and bring its macros and views up to date."""
    from tape.store.database import migrate as migrate_database

    session: Session = context.obj
    session.alone()
    for line in migrate_database(session.database, session.settings.resources()) or ["already up to date"]:
        typer.echo(line)


def import_command(
    context: typer.Context,
    logs_dir: Annotated[Path, typer.Argument(metavar="LOGS_DIR", help="Folder of old logs.")],
    as_json: Json = False,
) -> None:
    """Import a folder of old JSON/JSONL logs. Importing twice stores nothing new."""
    from tape.display.reports import import_progress, print_import
    from tape.store.database import closing, is_interrupt
    from tape.store.database import migrate as migrate_database
    from tape.store.importer import import_logs
    from tape.store.legacy import find_logs

    session: Session = context.obj
    if not logs_dir.is_dir():
        raise typer.BadParameter(f"expected a folder, found {_what_is_at(logs_dir)}")
    session.alone()
    found = find_logs(logs_dir)
    migrate_database(session.database, session.settings.resources())
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
    """What an import that was interrupted has stored: log by log, whole."""
    rows = connection.execute(
        "select log, sum(last_seq - first_seq + 1)::bigint from imports where imported_ts = ? group by 1 order by 1",
        [began],
    ).fetchall()
    logs = ", ".join(f"{log} {count:,}" for log, count in rows) or "nothing"
    return f"interrupted: stored so far: {logs}; importing again stores the rest"


def _what_is_at(path: Path) -> str:
    """What somebody gave who was asked for a folder of logs."""
    from tape.store.legacy import log_folder

    if not path.exists():
        return f"nothing at {path}"
    folder = log_folder(path.absolute())
    return f"a file, {path}" + ("" if folder is None else f": import its folder, {folder}")


def backup(
    context: typer.Context, dest: Annotated[Path, typer.Argument(metavar="DEST", help="File, or folder.")]
) -> None:
    """Copy the database, also while its owner runs, and verify the copy."""
    from contextlib import nullcontext

    from tape.store.backup import backup as backup_database
    from tape.store.backup import dated_name
    from tape.store.database import closing

    session: Session = context.obj
    to = (dest / dated_name(datetime.now(UTC)) if dest.is_dir() else dest).resolve()
    if session.client.has_owner:
        session.client.ask({"request": "backup", "to": str(to)})
    else:
        with closing(session.open(read_only=False)) as connection:
            backup_database(connection, session.database, to, writing=nullcontext())
    typer.echo(str(to))


def rebuild(
    context: typer.Context,
    source: Annotated[
        Path | None, typer.Option("--from", metavar="BACKUP", help="Begin with this one; else the newest whole one.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a damaged or lost database again: a backup, and the journal behind it. The old one is set aside.

    Exit code 1: something that the old database had could not be brought back.
    """
    from tape.display.reports import print_rebuilt
    from tape.store.owner_lock import owning
    from tape.store.rebuild import rebuild as rebuild_database

    session: Session = context.obj
    with owning(session.home):
        resources = session.settings.resources()
        done = rebuild_database(session.home, resources, now=datetime.now(UTC), source=source, is_loss_accepted=True)
    print_rebuilt(done, as_json=as_json)
    raise typer.Exit(1 if done.lost else 0)


def load(
    context: typer.Context,
    rate: Annotated[float, typer.Option(min=1, help="Events a second, all producers together.")] = 200.0,
    seconds: Annotated[float, typer.Option(min=0.1, help="How long.")] = 10.0,
    producers: Annotated[int, typer.Option(min=1, help="Processes that record.")] = 1,
    seed: Annotated[int, typer.Option(help="The same seed gives the same events.")] = 1,
    as_json: Json = False,
) -> None:
    """Record a realistic mix of all events through the real journal, and say how many of each."""
    from tape.display.reports import print_loaded
    from tape.load import load as load_home

    session: Session = context.obj
    print_loaded(load_home(session.home, rate=rate, seconds=seconds, producers=producers, seed=seed), as_json=as_json)
