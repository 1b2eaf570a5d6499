"""The reference of what is published: the state files and the six logs, from the contract's tables."""

from __future__ import annotations

import inspect

from docs.build.catalog import Catalog
from docs.build.database import FILES, TABLES, VIEWS, columns_table
from docs.build.markdown import link, page, table
from tape.exporters.contract import STATE_FILES, StateFile
from tape.exporters.mirrors.computed import CompareMirror, RouterHealthMirror
from tape.exporters.mirrors.events import EVENT_MIRRORS


def files_page(catalog: Catalog) -> str:
    """Every published file with its cadence and its keys, then the logs."""
    blocks = [
        ["Written whole below `logs/state/`, each by rename: a reader never sees half a file."],
        table(["file", "when its inputs changed", "in any case", "says"], [_row(file) for file in STATE_FILES]),
    ]
    for file in STATE_FILES:
        blocks += [[f"## {file.name}"], [_said(file)], _facts(file), columns_table(catalog[file.view], head="key")]
    blocks += [
        ["## The six logs"],
        [
            "Appended below `logs/` in whole lines, each with its `event_id`, and rotated by rename into `archive/`. "
            "Rows that were imported are never written again."
        ],
        table(["log", "lines"], _logs()),
    ]
    return page("Files", *blocks)


def _row(file: StateFile) -> list[str]:
    return [link(file.name, FILES), f"every {file.every_s:g} s", f"every {file.max_age_s:g} s", _said(file)]


def _said(file: StateFile) -> str:
    """The first paragraph of the model's docstring, without the name of the file."""
    text = (inspect.getdoc(file.model) or "").split("\n\n")[0].removeprefix(f"{file.name}: ")
    return f"{text[0].upper()}{text[1:]}"


def _facts(file: StateFile) -> list[str]:
    at_once = " or ".join(link(name, TABLES) for name in file.at_once)
    return [
        f"- View: {link(file.view, VIEWS)}",
        f"- Shape: [{file.stem}.schema.json](../schema/{file.stem}.schema.json)",
        f"- Published: {file.every_s:g} s after the last time when its inputs changed, {file.max_age_s:g} s after it "
        "in any case" + (f", a tick after rows came into {at_once}" if at_once else ""),
        f"- To Firestore: when it changed, on the average at most every {file.synced_every_s:g} s",
    ]


def _logs() -> list[list[str]]:
    rows = [
        [f"`{name}`", "rows of " + ", ".join(link(event.table, TABLES) for event in kinds)]
        for name, kinds in EVENT_MIRRORS.items()
    ]
    computed = (RouterHealthMirror, CompareMirror)
    return rows + [[f"`{mirror.name}`", (inspect.getdoc(mirror) or "").splitlines()[0]] for mirror in computed]
