"""Commands that look at a home: once, or again and again."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from tape.commands.session import Json, Session

EVERY_S = 2.0
Watch = Annotated[bool, typer.Option("--watch", help="Look again and again, until Ctrl-C.")]
Seconds = Annotated[
    float | None, typer.Argument(metavar="[SECONDS]", min=0.1, help="With --watch: from look to look; else 2.")
]


def status(context: typer.Context, seconds: Seconds = None, watch: Watch = False, as_json: Json = False) -> None:
    """Rows per table, age of the published files, what is stored of the journal, and how the owner does.

    Exit code 0: the owner is ready, 1: it is not, or none runs.
    """
    from tape.display.status import print_status, status_line, status_view
    from tape.display.watch import watching

    session: Session = context.obj
    home = session.home
    if _is_watched(watch, seconds):
        line = None if as_json else status_line
        seen = watching(lambda: _status(home), status_view, line=line, every_s=seconds or EVERY_S)
    else:
        seen = _status(home)
        print_status(seen, as_json=as_json)
    raise typer.Exit(0 if seen["ready"] else 1)


def doctor(context: typer.Context, seconds: Seconds = None, watch: Watch = False, as_json: Json = False) -> None:
    """Say whether the contract is kept: every file, log and invariant, the store and its owner, and what to do.

    Exit code 0: healthy, 1: degraded, 2: broken.
    """
    from tape.display.doctor import doctor_line, doctor_view, print_look
    from tape.display.watch import watching
    from tape.doctor.checks import EXIT_CODES
    from tape.doctor.look import look_at

    session: Session = context.obj
    home = session.home
    if _is_watched(watch, seconds):
        line = None if as_json else doctor_line
        look = watching(lambda: look_at(home), doctor_view, line=line, every_s=seconds or EVERY_S)
    else:
        look = look_at(home)
        print_look(look, as_json=as_json)
    raise typer.Exit(EXIT_CODES[look.state])


def _is_watched(watch: bool, seconds: float | None) -> bool:
    if seconds is not None and not watch:
        raise typer.BadParameter("SECONDS needs --watch")
    return watch


def _status(home: Path) -> dict[str, Any]:
    """What the owner says, else what the file says; an owner that does not answer in time is not ready."""
    from store.owner_lock import owner_pid
    from tape.doctor.look import ANSWERS_S
    from tape.owner_socket import DoorClosed, ask

    if owner_pid(home) is None:
        return _status_of_file(home)
    try:
        answer, _ = ask(home, {"request": "status"}, timeout_s=ANSWERS_S)
    except DoorClosed as error:
        return {"ready": False, "not_ready": [str(error)], "tables": [], "files": {}, "journal": []}
    return {key: value for key, value in answer.items() if key != "ok"}


def _status_of_file(home: Path) -> dict[str, Any]:
    from exporters.contract import STATE_FILES
    from exporters.firestore import sync_status
    from store.database import closing, open_database
    from store.ingest import certificates
    from store.status import table_status
    from tape.settings import load_settings

    with closing(
        open_database(home / "logs" / "tape.duckdb", load_settings(home).resources(), read_only=True)
    ) as opened:
        tables = [vars(table) for table in table_status(opened)]
        journal = [vars(each) | {"gaps": each.gaps} for each in certificates(opened)]
    now = time.time()
    ages = {
        file.name: {"age_s": now - path.stat().st_mtime if path.exists() else None}
        for file in STATE_FILES
        for path in [home / "logs" / "state" / file.name]
    }
    ready = {"ready": False, "not_ready": ["no owner runs"]}
    return {**ready, "tables": tables, "files": ages, "journal": journal, "sync": sync_status(home, now)}
