"""``tape export``: the contract's files, or the six logs, as of now or of an instant."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from tape.cli.options import AsOf, Json, TakeOver, home_of
from tape.cli.session import Session
from tape.cli.terminal import new_table, terminal
from tape.client.instants import Given, Newest, instant
from tape.client.json_values import plain
from tape.client.stopped import stopped_in, told_of
from tape.exporters.contract import STATE_FILES, file_meant, state_file
from tape.exporters.home_files import adopt, exported
from tape.exporters.home_files import take_over as take_over_files
from tape.exporters.mirrors.lines import write_logs
from tape.exporters.publisher import republish
from tape.exporters.state_files import publish
from tape.store.database import closing
from tape.store.database import migrate as migrate_database
from tape.store.own_files import OwnFiles
from tape.store.query.round import open_round
from tape.store.status import newest_event


def command(
    context: typer.Context,
    files: Annotated[
        list[str] | None, typer.Argument(metavar="[FILE ...]", help="Files to publish, e.g. nav or nav.json; else all.")
    ] = None,
    as_of: AsOf = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder to write to; else logs/state of the home folder.")
    ] = None,
    jsonl: Annotated[
        bool, typer.Option("--jsonl", help="Write the six JSONL logs in full instead (needs --out).")
    ] = False,
    as_published: Annotated[
        int | None,
        typer.Option(metavar="ID", help="Make a publication listed by `tape show exports` again (needs --out)."),
    ] = None,
    take_over: TakeOver = False,
    as_json: Json = False,
) -> None:
    """Publish the contract's files, as of now or as of an instant. Files of other programs are not replaced."""
    session = Session(home_of(context))
    if as_published is not None:
        if out is None or files or jsonl or as_of is not None:
            raise typer.BadParameter("--as-published needs --out, and neither FILE nor --as-of nor --jsonl")
        typer.echo(str(_republish(session, as_published, out.resolve())))
        return
    try:
        chosen = [file_meant(name) for name in files] if files else list(STATE_FILES)
    except KeyError as error:
        names = ", ".join(file.stem for file in STATE_FILES)
        raise typer.BadParameter(f"expected one of {names}, found {error.args[0]!r}") from None
    if jsonl and (out is None or out.resolve() == session.places.logs.resolve()):
        raise typer.BadParameter("--jsonl needs --out, and not the home's own logs folder")
    folder = out or session.places.state
    stems = [] if jsonl else [file.stem for file in chosen]
    export_here = _export_through_owner if session.client.has_owner else _export_from_file
    given = None if as_of is None else instant(as_of, datetime.now(UTC))
    paths, done = export_here(session, stems, given, folder, take_over=take_over)
    print_published(paths, folder, done, as_json=as_json)


def _republish(session: Session, export_id: int, folder: Path) -> Path:
    if session.client.has_owner:
        answer = session.client.ask({"request": "republish", "export_id": export_id, "out": str(folder)})
        return Path(answer["path"])
    with closing(session.open()) as connection:
        return republish(connection, export_id, folder, own=OwnFiles(session.home))


def _export_through_owner(
    session: Session, names: list[str], as_of: Given | None, folder: Path, *, take_over: bool
) -> tuple[list[Path], datetime]:
    """Export inside the owner; no names: the JSONL logs."""
    if as_of == Newest():
        told: str | None = "newest"  # an empty store has none, and is exported as of now
    else:
        at = session.client.at(as_of)
        told = None if at is None else at.isoformat()
    request: dict[str, object] = {"request": "export", "as_of": told, "files": names, "out": str(folder.resolve())}
    request["take_over"] = take_over
    answer = session.client.ask(request)
    return [Path(path) for path in answer["paths"]], datetime.fromisoformat(answer["as_of"])


def _export_from_file(
    session: Session, names: list[str], as_of: Given | None, folder: Path, *, take_over: bool
) -> tuple[list[Path], datetime]:
    """Export from the file, read-only; no names: the JSONL logs."""
    own, files = OwnFiles(session.home), [state_file(name) for name in names]
    if not session.places.database.exists():
        for path in [] if take_over else exported(folder, files):
            own.refuse(path)
        migrate_database(session.places.database, session.settings.resources())
    with closing(session.open()) as connection:
        instant = as_of if isinstance(as_of, datetime) else datetime.now(UTC)
        if isinstance(as_of, Newest):
            instant = (newest_event(connection, instant) or instant) - as_of.before
        with open_round(connection, as_of=instant, configured=session.settings.configured) as reading:
            adopt(own, connection, folder, files)
            if take_over:
                take_over_files(own, folder, files)
            if files:
                return publish(reading, folder, files, own=own), instant
            return write_logs(reading, folder, own=own), instant


def print_published(paths: list[Path], folder: Path, as_of: datetime, *, as_json: bool) -> None:
    """Print the files written, with their sizes."""
    resting = {path.name: found for path in paths if (found := _stopped_inputs(path))}
    if as_json:
        said = {name: {each: plain(ts) for each, ts in found.items()} for name, found in resting.items()}
        print(json.dumps({"as_of": as_of.isoformat(), "files": [str(path) for path in paths], "stale_inputs": said}))
        return
    table = new_table()
    table.add_column("file", no_wrap=True)
    table.add_column("bytes", justify="right")
    for path in paths:
        table.add_row(path.name, f"{path.stat().st_size:,}")
    console = terminal()
    console.print(table)
    console.print(f"{len(paths)} files in {folder} as of {as_of.isoformat()}", soft_wrap=True)
    if resting:
        newest = {name: ts for found in resting.values() for name, ts in found.items()}
        files = f"{len(resting)} of these files" if len(resting) > _NAMED else ", ".join(resting)
        console.print(
            f"inputs that stopped: {told_of(newest, as_of)}: {files} (see stale_inputs there)", soft_wrap=True
        )


_NAMED = 6
"""Files that are named one by one."""


def _stopped_inputs(path: Path) -> dict[str, datetime]:
    return stopped_in(json.loads(path.read_bytes())) if path.suffix == ".json" else {}
