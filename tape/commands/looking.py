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
    """Rows per table, age of the published files, what is stored of the journal, and how the owner does."""
    from tape.display.status import print_status, status_line, status_view
    from tape.display.watch import watching

    session: Session = context.obj
    home = session.home
    if not _is_watched(watch, seconds):
        print_status(_status(home), as_json=as_json)
        return
    watching(lambda: _status(home), status_view, line=None if as_json else status_line, every_s=seconds or EVERY_S)


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
    """What the owner says, else what the file says."""
    from store.owner_lock import owner_pid
    from tape.owner_socket import ask

    if owner_pid(home) is None:
        return _status_of_file(home)
    answer, _ = ask(home, {"request": "status"})
    return {key: value for key, value in answer.items() if key != "ok"}


def _status_of_file(home: Path) -> dict[str, Any]:
    from exporters.contract import STATE_FILES
    from exporters.firestore import sync_status
    from store.damaged import rebuild_status
    from store.database import closing, open_database
    from store.gaps import gaps
    from store.ingest import certificates
    from store.status import table_status
    from tape.settings import load_settings

    with closing(
        open_database(home / "logs" / "tape.duckdb", load_settings(home).resources(), read_only=True)
    ) as opened:
        tables = [vars(table) for table in table_status(opened)]
        journal = [vars(each) | {"gaps": each.gaps} for each in certificates(opened)]
        missing = [str(gap) for gap in gaps(opened, home)]
    now = time.time()
    ages = {
        file.name: {"age_s": now - path.stat().st_mtime if path.exists() else None}
        for file in STATE_FILES
        for path in [home / "logs" / "state" / file.name]
    }
    return {
        "tables": tables,
        "files": ages,
        "journal": journal,
        "gaps": missing,
        "last_rebuild": rebuild_status(home),
        "sync": sync_status(home, now),
    }
