"""``tape status``: shows the state of the store and its owner."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from tape.cli.options import EVERY_S, Json, Seconds, Watch, home_of, is_watched
from tape.cli.terminal import MAX_CELL, new_table, shown, terminal
from tape.cli.watch import watching
from tape.client.instants import span
from tape.client.json_values import plain
from tape.client.owner_socket import DoorClosed, ask
from tape.doctor.checks import size
from tape.doctor.look import ANSWERS_S
from tape.store.claims import owner_pid

_STANDS_STILL = 3
"""Cycles that a sync may miss before it is said to stand still."""


def command(context: typer.Context, seconds: Seconds = None, watch: Watch = False, as_json: Json = False) -> None:
    """Show rows per table, age of the published files, progress of the journal, and the state of the owner.

    Exit code 0: the owner is ready, 1: it is not, or none runs.
    """
    home = home_of(context)
    if is_watched(watch, seconds):
        line = None if as_json else status_line
        seen = watching(lambda: _status(home), status_view, line=line, every_s=seconds or EVERY_S)
    else:
        seen = _status(home)
        print_status(seen, as_json=as_json)
    raise typer.Exit(0 if seen["ready"] else 1)


def _status(home: Path) -> dict[str, Any]:
    """Return the owner's status, else that of the file; an owner that does not answer in time is not ready."""
    if owner_pid(home) is None:
        from tape.client.file_status import status_of_file  # loads the database

        return status_of_file(home)
    try:
        answer = ask(home, {"request": "status"}, timeout_s=ANSWERS_S)
    except DoorClosed as error:
        return {"ready": False, "not_ready": [str(error)], "tables": [], "files": {}, "journal": []}
    return {key: value for key, value in answer.items() if key != "ok"}


def print_status(status: dict[str, Any], *, as_json: bool) -> None:
    """Print rows per table, age of each published file, progress of the journal, and the owner's state if one runs."""
    if as_json:
        print(json.dumps(status, default=plain))
        return
    console = terminal()
    console.print(_tables_shown(status["tables"]))
    console.print(_files_shown(status["files"]))
    for line in _lines(status):
        console.print(line, soft_wrap=True)


def status_view(status: dict[str, Any], console: Console) -> RenderableType:
    """Return as much as fits on a terminal: if space is short, tables without rows are left out, then all tables."""
    lines = [Text(line) for line in _lines(status)]
    files, tables = _files_shown(status["files"]), status["tables"]
    filled = [table for table in tables if table["rows"]]
    choices = [
        Group(_tables_shown(tables), files, *lines),
        Group(_tables_shown(filled), files, *lines),
        Group(files, *lines),
    ]
    fitting = (each for each in choices if len(console.render_lines(each, pad=False)) < console.height)
    return next(fitting, Group(*lines))


def status_line(status: dict[str, Any]) -> str:
    """Return one line: rows, the oldest file, gaps, sync, and failures."""
    ages = {name: file["age_s"] for name, file in status["files"].items() if file["age_s"] is not None}
    oldest = max(ages, key=lambda name: ages[name], default=None)
    parts = [
        *([f"pid {status['pid']}"] if "pid" in status else []),
        f"{sum(table['rows'] for table in status['tables']):,} rows",
        f"{len(ages)} files" + ("" if oldest is None else f", oldest {oldest} {span(ages[oldest])}"),
        f"gaps {sum(each['gaps'] for each in status['journal']):,}",
        *([] if status.get("sync") is None else [_sync_shown(status["sync"])]),
        *_ahead(status),
        *_failing(status),
    ]
    return "; ".join(parts)


def _ahead(status: dict[str, Any]) -> list[str]:
    """Return which tables hold events in the future: no number counts them before their time."""
    return [
        f"{table['name']}: {table['ahead']:,} of {table['rows']:,} rows are later than now,"
        f" up to {_second(table['ahead_until'])}"
        for table in status["tables"]
        if table.get("ahead")
    ]


def _lines(status: dict[str, Any]) -> Iterator[str]:
    yield from _ahead(status)
    for producer in status["journal"]:
        refused = f", refused {producer['refused']:,}" if producer["refused"] else ""
        yield (
            f"journal of {producer['producer']}: recorded 1..{producer['recorded']:,},"
            f" stored 1..{producer['stored']:,}{refused}, gaps {producer['gaps']:,}"
        )
    yield from (f"gap: {gap}" for gap in status.get("gaps", []))
    if status.get("last_rebuild"):
        yield status["last_rebuild"]["words"]
    if status.get("sync") is not None:
        yield _sync_shown(status["sync"])
    if "pid" not in status:
        yield from _failing(status)
        return
    yield f"owner: pid {status['pid']}, since {status['started'][:19]}Z, last backup {status['last_backup'] or '-'}"
    stored, wal, free = (size(status[key]) for key in ("database_bytes", "wal_bytes", "disk_free_bytes"))
    if status.get("known_events"):
        yield f"events known already: {status['known_events']:,} since the start, recorded again and stored once"
    yield f"database {stored}, write-ahead log {wal}, disk free {free}"
    yield from _failing(status)


def _failing(status: dict[str, Any]) -> list[str]:
    """Return why the owner is not ready, and what else fails."""
    reasons = status.get("not_ready", [])
    failing = [f"{name}: {worker['error']}" for name, worker in status.get("workers", {}).items() if worker["error"]]
    beside = [line for line in failing if line not in reasons]
    return [*(f"not ready: {reason}" for reason in reasons), *(f"failing: {line}" for line in beside)]


def _sync_shown(sync: dict[str, Any]) -> str:
    state = "stopped" if sync["is_stopped"] else f"lag {sync['lag_s']:,.0f} s"
    if not sync["is_stopped"] and sync["lag_s"] > _STANDS_STILL * sync["interval_s"] + 60:
        state += ", stands still"
    waiting = f", waiting: {', '.join(sync['waiting'])}" if sync["waiting"] else ""
    stale = f", {sync['stale']:,} not set: Firestore has newer ones" if sync["stale"] else ""
    troubles = "; ".join(filter(None, [sync["error"], *sync["problems"]]))
    counted = f"{sync['writes']:,} documents set, {sync['failures']:,} failures"
    return f"sync to hedge/{sync['env']}: {state}, {counted}{stale}{waiting}{f'; {troubles}' if troubles else ''}"


def _tables_shown(tables: list[dict[str, Any]]) -> Table:
    stored = new_table("tables")
    stored.add_column("table", no_wrap=True)
    stored.add_column("rows", justify="right")
    stored.add_column("first event")
    stored.add_column("last event")
    for item in tables:
        stored.add_row(item["name"], f"{item['rows']:,}", _second(item["first"]), _second(item["last"]))
    return stored


def _second(instant: Any) -> str:
    """Return an instant to the second; JSON has the full precision."""
    text = shown(instant)
    return text if text == "-" else f"{text[:19]}Z"


def _files_shown(files: dict[str, dict[str, Any]]) -> Table:
    published = new_table("published files")
    published.add_column("file", no_wrap=True)
    published.add_column("age", justify="right")
    published.add_column("failures", justify="right")
    published.add_column("error", overflow="fold", max_width=MAX_CELL)
    for name, file in files.items():
        age = "never published" if file["age_s"] is None else span(file["age_s"])
        published.add_row(name, age, shown(file.get("failures")), shown(file.get("error")))
    return published
