"""Publishes state files on their cadence: files whose inputs changed, or that are old enough.

Laws kept here: a file in which an input looks alive that has stopped since is published again at once; a file
that fails does not stop the others; the failure is counted, and logged once until the file works again; every
publication is recorded in ``exports`` with all that is needed to make it again.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path

import duckdb
import orjson

from tape.exporters.contract import STATE_FILES, TICK_S, StateFile, state_file
from tape.exporters.inputs import Input, first_stop, inputs_of, read_inputs, stopped
from tape.exporters.older_forms import render_older
from tape.exporters.state_files import render, replace_file, write_atomically
from tape.store.database import is_fatal, is_memory_short, roll_back, transaction
from tape.store.durable import sync_folder
from tape.store.errors import StoreError
from tape.store.own_files import ForeignFile, OwnFiles
from tape.store.query.round import LiveRounds, Round, content_tables, open_round, tables_beneath
from tape.store.schema import EXPORTS
from tape.store.views.sql_files import sql_objects

_LOG = logging.getLogger(__name__)
_RETRY_S = 3.0
"""After a failure a file is tried again, at the latest, after so long."""


@dataclass
class Publication:
    """The state of one file: its last publication, by which clock and from which rows; and its failures."""

    file: StateFile
    every_s: float
    max_age_s: float
    published_at: float | None = None
    """Seconds of the publisher's clock."""
    tried_at: float | None = None
    """Likewise, whether it worked or not."""
    versions: dict[str, int] = field(default_factory=dict)
    """Of the tables whose rows it shows; where an input stopped, of those too whose rows tell that it came back."""
    stops_at: datetime | None = None
    """The instant from which it would say of a further input that it stopped; ``None``: none is alive."""
    published: int = 0
    failures: int = 0
    error: str | None = None
    """Of the last attempt, ``None`` when it worked."""

    def is_due(self, versions: Mapping[str, int], as_of: datetime, at: float, *, is_last: bool = False) -> bool:
        """Return whether the file is due for an instant, at a moment of the publisher's clock.

        ``is_last``: no other moment follows.
        """
        # Never tried, or time has jumped: no age can be told.
        if self.tried_at is None:
            return True
        age_s = at - self.tried_at
        if age_s >= self.max_age_s:
            return True
        changed = {table for table, version in self.versions.items() if versions.get(table, 0) != version}
        if is_last:
            return bool(changed) or self.error is not None
        if self.error is not None:
            # A file that failed is not tried in every step: the reason seldom goes away in a tenth of a second.
            return age_s >= min(self.every_s, _RETRY_S)
        # Whatever its cadence, a file may not go on saying that an input is alive.
        if age_s >= TICK_S and self.stops_at is not None and as_of > self.stops_at:
            return True
        if age_s >= self.every_s:
            return bool(changed)
        # Ahead of its cadence, but never faster than a tick: a burst of fills must not publish a file for each.
        return age_s >= TICK_S and not changed.isdisjoint(self.file.at_once)


@dataclass(frozen=True)
class Export:
    """The record of one publication."""

    file: str
    as_of: datetime
    known_seq: int
    sql_digest: str
    """``code_digest`` of the file's view; publications of version 0.1.0 hold ``digest``."""
    md5: str


@dataclass(frozen=True)
class _Rendered:
    """The content of a file that is not yet in its place."""

    due: Publication
    content: bytes
    export: Export
    inputs: Sequence[Input]
    """As of its instant."""


_LEFT_ALONE = "it is left alone: stop that program and start Tape with --take-over"


class Publisher:
    """Publishes into ``folder``; ``intervals``: seconds by file stem, instead of the contract's ``every_s``."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        folder: Path,
        *,
        configured: str,
        intervals: Mapping[str, float] | None = None,
        files: Iterable[StateFile] = STATE_FILES,
        own: OwnFiles | None = None,
    ) -> None:
        self._cursor = connection.cursor()
        self._rounds = LiveRounds(connection, configured)
        self._configured = configured
        self._folder = folder
        self._own = own
        folder.mkdir(parents=True, exist_ok=True)
        given = intervals or {}
        self.publications = [publication_of(file, given.get(file.stem)) for file in files]
        # read to its end, else its transaction stays open, and no checkpoint empties the log
        ((last_id,),) = self._cursor.execute("select coalesce(max(export_id), 0) from exports").fetchall()
        self._last_id = int(last_id)
        self._digests = {item.name: item.code_digest for item in sql_objects()}
        self._unrecorded: dict[int, Export] = {}
        """By number: what was published, and is not on record yet."""
        self._may_be_recorded = False
        """A commit of these failed, which may have kept them all the same."""
        self.latest: dict[str, Export] = {}
        """By file: the newest publication, here before a reader can see it, on record after it."""
        self.nav: tuple[bytes, datetime] | None = None
        """nav.json as it was published last, and its instant."""

    def publish_due(
        self,
        versions: Mapping[str, int],
        as_of: datetime,
        *,
        writing: AbstractContextManager[object],
        at: float | None = None,
        is_last: bool = False,
    ) -> list[str]:
        """Publish the due files as of an instant; return the names of the files written.

        ``versions``: per table a number that grows with its rows. ``writing`` is held while the exports are recorded.
        ``at``: seconds of the clock by which files become due, by default the monotonic clock. ``is_last``: every file
        with changed inputs is due, because the process ends.

        Raises:
            duckdb.Error, MemoryError: the database is broken, or memory is short; the remaining files are published
            next time. Any other error counts as a failure of one file.
        """
        self._put_on_record(writing)
        at = time.monotonic() if at is None else at
        todo = [
            publication for publication in self.publications if publication.is_due(versions, as_of, at, is_last=is_last)
        ]
        rendered: list[_Rendered] = []
        while todo:
            try:
                with self._rounds.open(as_of, versions) as reading:
                    inputs = read_inputs(reading)
                    while todo:
                        rendered.append(self._render(todo[0], reading, inputs))
                        # Removed only once it is rendered: where it fails the handler below finds it at the front.
                        todo.pop(0)
            except Exception as error:
                # With nothing left to do it is the closing of the round that failed, which is nobody's file.
                if is_fatal(error) or is_memory_short(error) or not todo:
                    raise
                _fail(todo.pop(0), error, at)
        done = [each.due.file.name for each in self._fitting(rendered, at) if self._put_in_place(each, versions, at)]
        self._put_on_record(writing)
        return done

    def expire(self) -> None:
        """Make every file due, after a step of the clock: the age of a file says nothing then."""
        for publication in self.publications:
            publication.tried_at = None

    def close(self) -> None:
        self._rounds.close()
        self._cursor.close()

    def _render(self, due: Publication, reading: Round, inputs: Sequence[Input]) -> _Rendered:
        content = render(due.file, reading)
        digest = _md5(content)
        export = Export(due.file.name, reading.as_of, reading.last_seq, self._digests[due.file.view], digest)
        return _Rendered(due, content, export, inputs)

    def _fitting(self, rendered: list[_Rendered], at: float) -> list[_Rendered]:
        """Return the files that may be put in place: no foreign file is in the way, and their content is on record."""
        if self._own is None:
            return rendered
        fitting = []
        for each in rendered:
            try:
                self._own.refuse(self._folder / each.export.file, _LEFT_ALONE)
            except ForeignFile as error:
                _fail(each.due, error, at)
            else:
                fitting.append(each)
        try:
            self._own.intend({self._folder / each.export.file: each.export.md5 for each in fitting})
        except OSError as error:
            for each in fitting:
                _fail(each.due, error, at)
            return []
        return fitting

    def _put_in_place(self, rendered: _Rendered, versions: Mapping[str, int], at: float) -> bool:
        due, export = rendered.due, rendered.export
        # Before the file is in place: a reader that sees it may ask at once what it was made from.
        self.latest[export.file] = export
        try:
            replace_file(self._folder / export.file, [rendered.content])
        except OSError as error:
            _fail(due, error, at)
            return False
        if export.file == "nav.json":
            self.nav = rendered.content, export.as_of
        if due.error is not None:
            _LOG.info("%s is published again", export.file)
        due.published_at = due.tried_at = at
        due.error = None
        due.published += 1
        names = inputs_of(due.file.view)
        tables = tables_beneath if stopped(rendered.inputs, names) else content_tables
        due.versions = {table: versions.get(table, 0) for table in tables(due.file.view)}
        due.stops_at = first_stop(rendered.inputs, names)
        self._last_id += 1
        self._unrecorded[self._last_id] = export
        return True

    def _put_on_record(self, writing: AbstractContextManager[object]) -> None:
        """Record the publications; until this succeeds, nothing more is published."""
        if not self._unrecorded:
            return
        # Before the record: a publication on record must still be there after a power cut.
        sync_folder(self._folder)
        if self._may_be_recorded:
            roll_back(self._cursor)
            ((last_id,),) = self._cursor.execute("select coalesce(max(export_id), 0) from exports").fetchall()
            # A commit whose answer was lost may have happened: what is on record already must not be there twice.
            self._unrecorded = {number: export for number, export in self._unrecorded.items() if number > last_id}
        self._may_be_recorded = True
        if self._unrecorded:
            with writing, transaction(self._cursor):
                self._record()
        self._may_be_recorded = False
        self._unrecorded = {}

    def _record(self) -> None:
        """Insert the publications as one JSON document: planned in a third of the time that as many parameters take."""
        rows = [
            {"export_id": number, "configured": self._configured, **asdict(export)}
            for number, export in self._unrecorded.items()
        ]
        self._cursor.execute(
            "insert into exports by name select row.* from (select unnest(from_json(?, ?)) as row)",
            [orjson.dumps(rows).decode(), orjson.dumps([_EXPORT_TYPES]).decode()],
        )


_EXPORT_TYPES = {str(column.name): "VARCHAR" for column in EXPORTS.columns} | {
    "export_id": "BIGINT",
    "as_of": "TIMESTAMPTZ",
    "known_seq": "BIGINT",
}


class NotRepublished(StoreError):
    """A publication cannot be made again: it is not on record, or its bytes come out differently."""


def republish(
    connection: duckdb.DuckDBPyConnection, export_id: int, folder: Path, *, own: OwnFiles | None = None
) -> Path:
    """Make one recorded publication again in ``folder``, identical to the byte.

    Only the bytes decide: changed SQL may still give the same result for the rows of that time, and an older version
    wrote files with fewer keys.

    Raises:
        NotRepublished: the publication is not on record, or other bytes come out.
    """
    row = connection.execute(
        "select file, as_of, known_seq, sql_digest, configured, md5 from exports where export_id = ?", [export_id]
    ).fetchone()
    if row is None:
        raise NotRepublished(f"export {export_id}: expected a number from `tape show exports`, found none such")
    name, as_of, known_seq, sql_digest, configured, md5 = row
    file = state_file(name)
    with open_round(connection, as_of=as_of, known_seq=known_seq, configured=configured) as reading:
        content = render(file, reading)
        # First as today's code lays it out. Files of older versions had fewer keys, and are laid out without them.
        if (found := _md5(content)) != md5:
            older = (each for each in render_older(file, reading) if _md5(each) == md5)
            content = next(older, content)
            found = _md5(content)
    if found != md5:
        today = code_digest(file)
        why = (
            "were its rows deleted?"
            if sql_digest == today
            else f"published by other SQL or an older version, {sql_digest[:12]}, now {today[:12]}"
        )
        raise NotRepublished(f"export {export_id}: {name}: expected md5 {md5}, found {found}: {why}")
    folder.mkdir(parents=True, exist_ok=True)
    return write_atomically(folder / name, [content], own=own)


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def code_digest(file: StateFile) -> str:
    """Return the digest of the SQL that computes a file today, as recorded with each publication."""
    return next(item.code_digest for item in sql_objects() if item.name == file.view)


def publication_of(file: StateFile, every_s: float | None) -> Publication:
    """Return the state of a file that is not published yet; ``every_s`` replaces the contract's."""
    if every_s is None:
        return Publication(file, file.every_s, file.max_age_s)
    return Publication(file, every_s, every_s if file.every_s == file.max_age_s else max(every_s, file.max_age_s))


def _fail(publication: Publication, error: Exception, at: float) -> None:
    """Count a failure."""
    if publication.error is None:
        is_known = isinstance(error, StoreError)
        _LOG.error("%s cannot be published: %s", publication.file.name, error, exc_info=None if is_known else error)
    publication.failures += 1
    publication.error = (str(error) or type(error).__name__).splitlines()[0]
    publication.tried_at = at
