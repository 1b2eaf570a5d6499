"""Publishes state files: query -> model -> JSON -> temporary file beside it, fsync, rename, fsync of the folder.

A reader never sees half a file. A file's bytes depend on the stored rows and the round's instant alone.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import threading
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

import orjson

from tape.exporters.contract import STATE_FILES, StateFile
from tape.store.durable import replacing, sync_folder
from tape.store.own_files import OwnFiles
from tape.store.query.round import Round


def render(file: StateFile, reading: Round) -> bytes:
    """Return the bytes of a state file as of the round's instant.

    Raises:
        pydantic.ValidationError: the view's row does not have the file's shape.
    """
    return to_json(document(file, reading.one(file.view)), indent=True)


def document(file: StateFile, row: dict[str, Any]) -> dict[str, Any]:
    """Return a row of a file's view as the file's document.

    Raises:
        pydantic.ValidationError: the row does not have the file's shape.
    """
    if isinstance(decision := row.get("last_decision"), str):
        row = {**row, "last_decision": json.loads(decision)}
    return file.model.model_validate(row).model_dump(by_alias=True)


def publish(
    reading: Round, folder: Path, files: Iterable[StateFile] = STATE_FILES, *, own: OwnFiles | None = None
) -> list[Path]:
    """Write state files into ``folder``, which is created if missing; return their paths.

    Raises:
        ForeignFile: one of them belongs to another program; nothing was written.
    """
    files = list(files)
    if own is not None:
        for file in files:
            own.refuse(folder / file.name)
    folder.mkdir(parents=True, exist_ok=True)
    return [write_atomically(folder / file.name, [render(file, reading)], own=own) for file in files]


def write_atomically(path: Path, content: Iterable[bytes], *, own: OwnFiles | None = None) -> Path:
    """Replace a file: readers, also after a power cut, see the old or the new content, complete.

    When this returns, the new content survives a power cut. ``own``: the record of own files that gets the new content.
    """
    replace_file(path, content, own=own)
    sync_folder(path.parent)
    return path


def replace_file(path: Path, content: Iterable[bytes], *, own: OwnFiles | None = None) -> None:
    """Like ``write_atomically``, but a power cut may bring the old content back until the folder is synced.

    Raises:
        ForeignFile: with ``own``: the file belongs to another program.
    """
    if own is not None:
        own.refuse(path)
    digest = hashlib.md5(usedforsecurity=False)
    # of this thread alone: two that write the same file at once must not write into each other's
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_native_id()}.tmp")

    # Once the content is on disk and before it has its name: killed in between, the record knows either content.
    def intend() -> None:
        if own is not None:
            own.intend({path: digest.hexdigest()})

    with replacing(path, temporary, before_rename=intend) as file:
        for part in content:
            digest.update(part)
            file.write(part)


_TEMPORARY = re.compile(r"\.(.+)\.(\d+)\.\d+\.tmp")


def forget_unfinished(folder: Path, names: Collection[str]) -> list[str]:
    """Remove half written files of these names that dead processes left behind; return what was removed."""
    found = {path: _TEMPORARY.fullmatch(path.name) for path in folder.glob(".*.tmp")}
    gone = sorted(path for path, name in found.items() if name and name[1] in names and not _is_alive(int(name[2])))
    for path in gone:
        path.unlink(missing_ok=True)
    return [path.name for path in gone]


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's
        return True
    return True


def to_json(value: Any, *, indent: bool) -> bytes:
    """Return JSON as orjson writes it, with a final newline, and null for NaN and infinities.

    Old logs hold larger integers and deeper nesting than orjson accepts; Python's json writes these.
    """
    option = orjson.OPT_APPEND_NEWLINE | (orjson.OPT_INDENT_2 if indent else 0)
    try:
        return orjson.dumps(value, option=option)
    # Rare, and several times slower: only what orjson cannot write comes here.
    except TypeError:
        separators = None if indent else (",", ":")
        text = json.dumps(
            finite(value), ensure_ascii=False, indent=2 if indent else None, separators=separators, allow_nan=False
        )
        return f"{text}\n".encode()


def finite(value: Any) -> Any:
    """Return a JSON value with null for NaN and infinities, which old logs hold and JSON does not know."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [finite(item) for item in value]
    return value
