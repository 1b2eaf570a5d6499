"""Ownership of the files in a home: checked before an owner starts, recorded once it holds the home.

A file that the record (``tape.store.own_files``) does not know was written by an older version without a record, or by
another program. The database tells the two apart. A state file is Tape's own if its bytes are among the recorded
publications, or if it is a later publication that a killed owner did not record, in Tape's layout to the byte. A log is
Tape's own if the database has a watermark for it. Exports are not recorded in the database, and a rebuilt database has
lost its publications: if a database with rows has no publication of a file, the layout is enough.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import orjson
from pydantic import ValidationError

from tape.exporters.contract import STATE_FILES, StateFile, state_file
from tape.exporters.documents import DocumentRefused, sequence
from tape.exporters.mirrors.files import has_foreign_lines
from tape.exporters.mirrors.live import LOGS
from tape.exporters.older_forms import laid_out_older
from tape.exporters.state_files import to_json
from tape.store.database import closing, open_any_revision
from tape.store.errors import StoreError
from tape.store.home import Layout
from tape.store.own_files import TAKE_OVER, ForeignFile, OwnFiles, digest_of
from tape.store.recovery.damaged import last_rebuild, why_rebuild

_LOG = logging.getLogger("tape")


@dataclass
class _Past:
    """What a database knows of the files of a home."""

    may_forget: bool = False
    """It may have published what it does not remember: with an export, or before it was rebuilt."""
    digests: dict[str, set[str]] = field(default_factory=dict)
    """By state file, of its last two publications."""
    newest: dict[str, datetime] = field(default_factory=dict)
    """By state file, the instant of the last one."""
    offsets: dict[str, int] = field(default_factory=dict)
    """By log, up to where it was written."""


def refuse_foreign(own: OwnFiles) -> None:
    """Check, before anything is written, whether an owner may keep the files of a home. Writes nothing.

    If the database cannot be read, ``settle`` decides once it is open.

    Raises:
        ForeignFile: the first file that belongs to another program.
    """
    unknown = [path for path in _files(own.home) if not _is_settled(own, path)]
    if not unknown:
        return
    past = _past_of_closed(own.home)
    # A database that cannot be read now may be rebuilt by the owner, and is asked again then.
    if past is None:
        return
    for path in unknown:
        if not _was_own(own, past, path):
            raise ForeignFile(path, "another program's content", TAKE_OVER)


def settle(own: OwnFiles, connection: duckdb.DuckDBPyConnection, *, take_over: bool) -> None:
    """Record the files of a home as Tape's own; foreign files only with ``take_over``.

    Raises:
        ForeignFile: a file belongs to another program, and ``take_over`` is not set.
    """
    paths = [path for path in _files(own.home) if take_over or not _is_settled(own, path)]
    past = _past_of(own.home, connection) if paths else _Past()
    for path in paths:
        is_log, is_settled = path.suffix == ".jsonl", _is_settled(own, path)
        if is_log and is_settled:
            _take_over_tail(own, past, path)
        elif is_settled:
            continue
        elif _was_own(own, past, path):
            _put_on_record(own, past, path)
        elif not take_over:
            raise ForeignFile(path, "another program's content", TAKE_OVER)
        elif is_log:
            _take_over_log(own, path)
        else:
            _LOG.warning("taken over: %s, kept as %s", path, own.take_over(path))


def _put_on_record(own: OwnFiles, past: _Past, path: Path) -> None:
    """Record a file that an older version wrote."""
    if path.suffix == ".jsonl":
        own.begin_log(path, _written_to(own, past, path))
    elif (digest := digest_of(path)) is not None:
        own.intend({path: digest})


def _take_over_log(own: OwnFiles, path: Path) -> None:
    size = path.stat().st_size
    own.begin_log(path, size)
    _LOG.warning("taken over: %s: what is new is appended behind its %s bytes", path, f"{size:,}")


def exported(folder: Path, files: Iterable[StateFile]) -> list[Path]:
    """Return the paths that an export of these files writes in a folder; without files, those of the six logs."""
    return [folder / name for name in [file.name for file in files] or LOGS]


def adopt(own: OwnFiles, connection: duckdb.DuckDBPyConnection, folder: Path, files: Iterable[StateFile]) -> None:
    """Record the files that an older version exported, before this export replaces them."""
    unknown = [path for path in exported(folder, files) if not own.is_own(path) and not own.knows(path)]
    if not unknown:
        return
    is_state = folder.resolve() == Layout(own.home).state.resolve()
    past = _past_of(own.home, connection) if is_state else _Past(may_forget=True)
    for path in unknown:
        is_old = not has_foreign_lines(path, 0) if path.suffix == ".jsonl" else _was_own(own, past, path)
        if is_old and (digest := digest_of(path)) is not None:
            own.intend({path: digest})


def take_over(own: OwnFiles, folder: Path, files: Iterable[StateFile]) -> None:
    """Take over the files that an export will write in a folder (without files, the six logs). Copies are kept."""
    for path in exported(folder, files):
        if (kept := own.take_over(path)) is not None:
            _LOG.warning("taken over: %s, kept as %s", path, kept)


def _written_to(own: OwnFiles, past: _Past, path: Path) -> int:
    """Return up to which byte Tape wrote a log; 0 if it was rotated since."""
    # The offset of a log that was rotated lies beyond the end of the one that follows it.
    offset = past.offsets.get(_log_name(own, path), 0)
    return offset if offset <= path.stat().st_size else 0


def _take_over_tail(own: OwnFiles, past: _Past, path: Path) -> None:
    """Take over a log to which another program has appended."""
    known = own.foreign_bytes(path)
    if known is not None and path.exists() and has_foreign_lines(path, max(known, _written_to(own, past, path))):
        _take_over_log(own, path)


def _files(home: Path) -> Iterator[Path]:
    places = Layout(home)
    yield from (places.state / file.name for file in STATE_FILES)
    yield from (places.logs / name for name in LOGS)


def _is_settled(own: OwnFiles, path: Path) -> bool:
    """Return whether the record alone shows that a file is own: a log is, once begun, even if others append to it."""
    if path.suffix == ".jsonl":
        return own.foreign_bytes(path) is not None or not path.exists() or path.stat().st_size == 0
    return own.is_own(path)


def _log_name(own: OwnFiles, path: Path) -> str:
    return str(path.relative_to(Layout(own.home).logs))


def _was_own(own: OwnFiles, past: _Past, path: Path) -> bool:
    if path.suffix == ".jsonl":
        is_marked = _log_name(own, path) in past.offsets
        return (is_marked or past.may_forget) and not has_foreign_lines(path, _written_to(own, past, path))
    # The record knows the file with other content, so somebody has written it since.
    if own.knows(path):
        return False
    try:
        raw, digest = path.read_bytes(), digest_of(path)
    except OSError:
        return False
    file = state_file(path.name)
    return digest in past.digests.get(file.name, ()) or _is_later(past, file, raw)


def _is_later(past: _Past, file: StateFile, raw: bytes) -> bool:
    """Return whether a file has Tape's layout and an instant after its last recorded publication."""
    newest = past.newest.get(file.name)
    if newest is None and not past.may_forget:
        return False
    try:
        document = orjson.loads(raw)
        # To the byte: another program that writes the same numbers lays them out otherwise.
        laid_out = laid_out_older(file, document) if _is_older(file, document) else _laid_out(file, document)
        is_later = newest is None or sequence(file.name, document) > round(newest.timestamp() * 1e6)
    except (ValueError, ValidationError, DocumentRefused, OverflowError):
        return False
    return is_later and laid_out == raw


def _is_older(file: StateFile, document: Any) -> bool:
    """Return whether a nav.json lacks the keys that only the present form has."""
    return file.name == "nav.json" and isinstance(document, dict) and "points" not in document


def _laid_out(file: StateFile, document: Any) -> bytes:
    return to_json(file.model.model_validate(document).model_dump(by_alias=True), indent=True)


def _past_of_closed(home: Path) -> _Past | None:
    """Return what the closed database of a home knows; ``None`` if it cannot be read now and may be rebuilt."""
    database = Layout(home).database
    if why_rebuild(home) is not None:
        return None
    if not database.exists():
        return _Past()
    try:
        with closing(open_any_revision(database)) as opened:
            return _past_of(home, opened)
    except (StoreError, duckdb.Error) as error:
        _LOG.info("%s cannot be asked yet whose the files are: %s", database, error)
        return None


def _past_of(home: Path, connection: duckdb.DuckDBPyConnection) -> _Past:
    past = _Past(may_forget=last_rebuild(home) is not None)
    with closing(connection.cursor()) as cursor:
        names = {name for (name,) in cursor.execute("select table_name from duckdb_tables()").fetchall()}
        if "exports" in names:
            rows = cursor.execute(
                # The last two: a process killed between its record and the renaming leaves the content of the one
                # before.
                "select file, arg_max(md5, export_id, 2), arg_max(as_of, export_id) from exports group by file"
            ).fetchall()
            for name, digests, newest in rows:
                past.digests[name], past.newest[name] = set(digests), newest
        if "ingest_counter" in names:
            ((stored,),) = cursor.execute("select coalesce(max(last_ingest_seq), 0) from ingest_counter").fetchall()
            past.may_forget = past.may_forget or stored > 0
        if "mirror_watermarks" in names:
            rows = cursor.execute("select mirror, byte_offset from mirror_watermarks").fetchall()
            past.offsets = {name: int(offset) for name, offset in rows}
    return past
