"""How the store and its owner do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from tape.display.console import MAX_CELL, new_table, plain, shown, terminal
from tape.doctor.checks import size, span

_STANDS_STILL = 3
"""Cycles that a sync may miss before it is said to stand still."""


def print_status(status: dict[str, Any], *, as_json: bool) -> None:
    """Rows per table, age of each published file, what the journal holds, and how the owner does where one runs."""
    if as_json:
        print(json.dumps(status, default=plain))
        return
    console = terminal()
    console.print(_tables_shown(status["tables"]))
    console.print(_files_shown(status["files"]))
    for line in _lines(status):
        console.print(line, soft_wrap=True)


def status_view(status: dict[str, Any], console: Console) -> RenderableType:
    """As much as fits on a terminal: where there is no room, tables without rows are left out, then all tables."""
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
    """One line: rows, the oldest file, gaps, sync, and what fails."""
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
    """Which tables hold events whose time has not come: no number counts them before."""
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
    """Why it is not ready, and what fails beside that."""
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
    """An instant to the second; JSON has all of it."""
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
