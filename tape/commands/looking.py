"""Commands that look at a home: once, or again and again."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tape.commands.session import AsOf, Json, Session

if TYPE_CHECKING:
    from tape.exporters.contract import StateFile

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


def doctor(
    context: typer.Context,
    seconds: Seconds = None,
    watch: Watch = False,
    is_deep: Annotated[
        bool, typer.Option("--deep", help="Read the whole history too, for events that stand twice: takes minutes.")
    ] = False,
    as_json: Json = False,
) -> None:
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
        if is_deep:
            raise typer.BadParameter("--deep looks once: expected no --watch beside it")
        line = None if as_json else doctor_line
        look = watching(lambda: look_at(home), doctor_view, line=line, every_s=seconds or EVERY_S)
    else:
        look = look_at(home, is_deep=is_deep)
        print_look(look, as_json=as_json)
    raise typer.Exit(EXIT_CODES[look.state])


def explain(
    context: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE", help="A published file: nav or nav.json.")],
    symbol: Annotated[
        str | None, typer.Argument(metavar="[SYMBOL]", help="Whose number; in expectancy also an hour or a regime.")
    ] = None,
    key: Annotated[
        str | None, typer.Argument(metavar="[KEY]", help="Which number: drawdown_pct, or components.router.")
    ] = None,
    as_of: AsOf = None,
    limit: Annotated[int, typer.Option(min=1, help="Rows of each kind at the most.")] = 10,
    show_all: Annotated[bool, typer.Option("--all", help="Show the formulas further down too.")] = False,
    as_json: Json = False,
) -> None:
    """Trace a published number: its formulas, their inputs, the rows behind it.

    For the instant of the published file, unless --as-of says another. Exit code 1: the rows say another number.
    """
    from tape.display.explain import print_explanation
    from tape.explain.explain import explain as explain_number

    session: Session = context.obj
    found = explain_number(session.client, _state_file(file), symbol, key, as_of=as_of, limit=limit)
    print_explanation(found, as_json=as_json, show_all=show_all)
    if found.is_equal is False:
        raise typer.Exit(1)


def _state_file(name: str) -> StateFile:
    from tape.exporters.contract import STATE_FILES, state_file

    try:
        return state_file(name)
    except KeyError:
        names = ", ".join(file.stem for file in STATE_FILES)
        raise typer.BadParameter(f"expected one of {names}, found {name!r}") from None


def _is_watched(watch: bool, seconds: float | None) -> bool:
    if seconds is not None and not watch:
        raise typer.BadParameter("SECONDS needs --watch")
    return watch


def _status(home: Path) -> dict[str, Any]:
    """What the owner says, else what the file says; an owner that does not answer in time is not ready."""
    from tape.doctor.look import ANSWERS_S
    from tape.owner_socket import DoorClosed, ask
    from tape.store.owner_lock import owner_pid

    if owner_pid(home) is None:
        return _status_of_file(home)
    try:
        answer, _ = ask(home, {"request": "status"}, timeout_s=ANSWERS_S)
    except DoorClosed as error:
        return {"ready": False, "not_ready": [str(error)], "tables": [], "files": {}, "journal": []}
    return {key: value for key, value in answer.items() if key != "ok"}


def _status_of_file(home: Path) -> dict[str, Any]:
    from tape.exporters.contract import STATE_FILES
    from tape.exporters.firestore import sync_status
    from tape.settings import load_settings
    from tape.store.damaged import rebuild_status
    from tape.store.database import closing, open_database
    from tape.store.gaps import gaps
    from tape.store.ingest import certificates
    from tape.store.status import table_status

    with closing(
        open_database(home / "logs" / "tape.duckdb", load_settings(home).resources(), read_only=True)
    ) as opened:
        tables = [vars(table) for table in table_status(opened, datetime.now(UTC))]
        journal = [vars(each) | {"gaps": each.gaps} for each in certificates(opened)]
        missing = [str(gap) for gap in gaps(opened, home)]
    now = time.time()
    ages = {
        file.name: {"age_s": now - path.stat().st_mtime if path.exists() else None}
        for file in STATE_FILES
        for path in [home / "logs" / "state" / file.name]
    }
    return {
        "ready": False,
        "not_ready": ["no owner runs"],
        "tables": tables,
        "files": ages,
        "journal": journal,
        "gaps": missing,
        "last_rebuild": rebuild_status(home),
        "sync": sync_status(home, now),
    }
