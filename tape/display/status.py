"""How the store and its owner do."""

from __future__ import annotations

import json
from typing import Any

from rich.table import Table

from tape.display.console import MAX_CELL, new_table, plain, shown, terminal


def print_status(status: dict[str, Any], *, as_json: bool) -> None:
    """Rows per table, age of each published file, what the journal holds, and how the owner does where one runs."""
    if as_json:
        print(json.dumps(status, default=plain))
        return
    console = terminal()
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


def _tables_shown(tables: list[dict[str, Any]]) -> Table:
    stored = new_table("tables")
    stored.add_column("table", no_wrap=True)
    stored.add_column("rows", justify="right")
    stored.add_column("first event")
    stored.add_column("last event")
    for item in tables:
        stored.add_row(item["name"], f"{item['rows']:,}", shown(item["first"]), shown(item["last"]))
    return stored


def _files_shown(files: dict[str, dict[str, Any]]) -> Table:
    published = new_table("published files")
    published.add_column("file", no_wrap=True)
    published.add_column("age", justify="right")
    published.add_column("failures", justify="right")
    published.add_column("error", overflow="fold", max_width=MAX_CELL)
    for name, file in files.items():
        age = "never published" if file["age_s"] is None else f"{file['age_s']:,.0f} s"
        published.add_row(name, age, shown(file.get("failures")), shown(file.get("error")))
    return published
