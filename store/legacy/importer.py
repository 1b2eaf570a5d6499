"""Imports a folder of old logs into the store.

Laws kept here:
- a line is one event; its identity is its own ``event_id``, else the content of an order event (``identity.py``), else
  the md5 of the line, so importing a log twice stores nothing new, and a longer copy stores only its new lines;
- rows are numbered by (ts, file, line), rotated files oldest first;
- a line that cannot be stored is kept whole in ``rejected_events`` with file, line and reason; other lines are stored;
- every file in the folder is read, or listed as not read with the reason.

A log is first staged (``staged.py``) outside any transaction, so that a broken file aborts only its own reading. Then
it is stored in one transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import duckdb

from tape.execution import events
from tape.store.database import transaction
from tape.store.errors import NoLogs
from tape.store.ingest.counter import FileCount, end_import, last_ingest_seq, sum_of
from tape.store.ingest.identity import content_id, take_out_doubles
from tape.store.legacy.config_files import import_config, kept_in_range, without_use
from tape.store.legacy.json_rows import read_line, typed_lines, typed_rows
from tape.store.legacy.line_tree import LineTree
from tape.store.legacy.log_lines import why_not_json
from tape.store.legacy.logs import CONFIGS, LOGS, NAV_ARRAY, FoundLogs, Log, Unread, find_logs, logs_nearby
from tape.store.legacy.staged import StagedLog
from tape.store.schema import python_type

_SLICE = 245_760
"""Rows inserted per statement: two row groups, one for each thread. Twice as many exceed the memory limit."""
_ODD_LINES = 5_000
"""Lines read one by one at a time."""


@dataclass
class ImportReport:
    """The result of an import: counts per file, in the order read; files that were not read; further notes."""

    files: dict[str, FileCount] = field(default_factory=dict)
    unread: list[Unread] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def total(self) -> FileCount:
        return sum_of(self.files.values())

    def listed(self, most: int) -> list[tuple[str, FileCount]]:
        """Return the files with their counts; of very many files only the first, and the sum of the others."""
        files = list(self.files.items())
        if len(files) <= most:
            return files
        return [*files[:most], (f"{len(files) - most:,} more files", sum_of(count for _, count in files[most:]))]


def import_logs(
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    *,
    now: datetime,
    found: FoundLogs | None = None,
    on_file: Callable[[Path], None] = lambda _: None,
) -> ImportReport:
    """Import every known log of ``folder``; ``on_file`` is called before each file is read.

    ``found`` is the content of the folder, if the caller has looked already.

    Raises:
        NoLogs: the folder holds no known log.
    """
    found = found or find_logs(folder)
    if not found.count:
        expected = ", ".join([*(f"{log.stem}.jsonl" for log in LOGS), f"{NAV_ARRAY}.json", *CONFIGS])
        unread = [f"{', '.join(each.paths)}: {each.reason}" for each in found.unread]
        raise NoLogs(folder, expected, logs_nearby(folder), unread)
    report = ImportReport(unread=found.unread)
    for log, paths in found.logs:
        _LogImport(connection, folder, log, now, report).run(paths, on_file)
    for path, kind in found.configs.items():
        on_file(path)
        report.files[path.name] = import_config(connection, path, kind, now)
    if found.configs:
        report.notes += [*kept_in_range(connection), *without_use(connection)]
    connection.execute("checkpoint")
    return report


class _LogImport:
    """The import of one log: stage its lines, drop known ones, type the others, store them."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, folder: Path, log: Log, now: datetime, report: ImportReport
    ) -> None:
        self._connection = connection
        self._log = log
        self._now = now
        self._report = report
        self._lines = StagedLog(connection, folder, log, report.unread, report.notes)
        self._sql, self._rows = self._lines.sql, self._lines.rows

    def run(self, paths: list[Path], on_file: Callable[[Path], None]) -> None:
        for path in paths:
            on_file(path)
            self._lines.stage(path)
        self._lines.settle()
        self._sql("create or replace temp table doubles (ordinal bigint)")
        self._has_own_ids = self._rows("select count(own_id) > 0 from staged")[0][0]
        self._number()
        with transaction(self._connection):
            self._store()
            self._lines.reject(self._now)
            self._remember_lines()
        stored = dict(
            self._rows(
                "select file, count(*) from objects where ordinal not in (from refused select ordinal)"
                " and ordinal not in (from doubles) group by 1"
            )
        )
        for file, count in enumerate(self._lines.counts.values()):
            count.stored = stored.get(file, 0)
            count.known = count.read - count.stored - count.rejected
        self._report.files.update(self._lines.counts)
        for table in ("doubles", "numbered"):
            self._sql(f"drop table temp.{table}")
        self._lines.drop()

    def _number(self) -> None:
        """Number the lines by (ts, file, line); refused lines will leave gaps.

        ``place`` is a line's number among the lines of the same event type.
        """
        events_of = " ".join(
            f"when {number} then {at}" for at, shapes in enumerate(self._log.tables.values()) for number in shapes
        )
        self._sql(
            "create or replace temp table numbered as select ordinal, event,"
            " row_number() over (order by ts, ordinal) as number,"
            " row_number() over (partition by event order by ts, ordinal) as place"
            f" from (select *, cast(case shape {events_of} end as tinyint) as event from objects)"
            " where event is not null"
        )

    def _store(self) -> None:
        base = last_ingest_seq(self._connection)
        for number, event in enumerate(self._log.tables):
            self._store_event(event, f"event = {number}", base)
        count = self._rows("select count(*) from numbered")[0][0]
        end_import(self._connection, self._log.name, base, count, self._now)

    def _store_event(self, event: type[events.Event], where: str, base: int) -> None:
        """Type and insert the lines of an event type in their order, one slice at a time, so that memory stays bounded.

        Lines that the quick form of ``typed_rows`` cannot type go through the full form; the lines that remain are read
        one by one in Python.
        """
        shapes = self._log.tables[event]
        found = [(shape, names) for number, shape in shapes.items() for names in self._lines.key_sets(number)]
        with_extra = not all(self._lines.tree.knows(shape, names) for shape, names in found)
        keys = {key for _, names in found for key in names[0] or ()}
        trees = [LineTree(shapes.values(), keys, quick=quick) for quick in (True, False)]
        count = self._rows(f"select count(*) from numbered where {where}")[0][0]
        for first in range(1, count + 1, _SLICE):
            self._sql(
                "create or replace temp table slice as select ordinal, ? + number as ingest_seq from numbered"
                f" where {where} and place between {first} and {first + _SLICE - 1}",
                [base],
            )
            self._sql("create or replace temp table numbers as from slice")
            for tree in trees:
                if lines := self._slice_lines():
                    self._insert(event, typed_rows(tree, shapes, lines, with_extra=with_extra))
            self._read_odd_lines(event)
            self._take_out_doubles(event)
        self._sql("drop table if exists temp.slice")
        self._sql("drop table if exists temp.numbers")

    def _read_odd_lines(self, event: type[events.Event]) -> None:
        """Read the remaining lines of the slice one by one; refused lines are noted."""
        while left := self._rows(
            "select ordinal, event_id, shape, raw from slice join objects using (ordinal)"
            f" where ordinal not in (select ordinal from refused) order by ordinal limit {_ODD_LINES}"
        ):
            read: list[tuple[int, str, str]] = []
            refused: list[tuple[int, str]] = []
            for ordinal, event_id, shape, raw in left:
                try:
                    read.append((ordinal, event_id, read_line(self._log.shapes[shape], raw)))
                except events.EventRefused as refusal:
                    refused.append((ordinal, refusal.reason))
                except (ValueError, RecursionError):
                    refused.append((ordinal, why_not_json(raw)))
            self._sql(
                "create or replace temp table odd as select unnest(?::bigint[]) as ordinal,"
                " unnest(?::varchar[]) as event_id, unnest(?::varchar[]) as fields",
                [list(column) for column in zip(*read, strict=True)] or [[], [], []],
            )
            self._insert(event, typed_lines(event, "odd"))
            self._sql("drop table temp.odd")
            self._sql(
                "insert into refused select unnest(?::bigint[]), unnest(?::varchar[])",
                [list(column) for column in zip(*refused, strict=True)] or [[], []],
            )

    def _slice_lines(self) -> str | None:
        low, high = self._rows("select min(ordinal), max(ordinal) from slice")[0]
        return None if low is None else f"(from objects where ordinal between {low} and {high})"

    def _insert(self, event: type[events.Event], rows: str) -> None:
        """Move the rows of the slice that are not odd into their table.

        The filter uses a value from each side of the join: a filter on ``is_odd`` alone would be planned below the
        join, where every line is parsed again.
        """
        event_id = f"replace (coalesce(event_id, {content_id(event)}) as event_id)" if event.by_content else ""
        with self._threads_for(event):
            self._sql(
                f"""
                insert into {event.table} by name
                select * exclude (ordinal, is_odd, seq) {event_id}, ? as producer
                from (
                    select typed.*, seq, case when not is_odd then seq end as ingest_seq
                    from ({rows}) as typed join (select ordinal, ingest_seq as seq from slice) using (ordinal)
                )
                where ingest_seq is not null
                order by ingest_seq
                """,
                [self._log.name],
            )
        low, high = self._rows("select min(ingest_seq), max(ingest_seq) from slice")[0]
        stored = f"select ingest_seq from {event.table} where ingest_seq between {low} and {high}"
        self._sql(f"delete from slice where ingest_seq in ({stored})")

    @contextmanager
    def _threads_for(self, event: type[events.Event]) -> Iterator[None]:
        """Use one thread while events with documents are hashed.

        Python writes the canonical form of a document, and threads that wait for the interpreter cost twice the time.
        """
        fields = event.model_fields.values()
        # old logs have no document of a field that was added later
        if not any(python_type(info.annotation) is dict and not events.added_in(info) for info in fields):
            yield
            return
        ((threads,),) = self._rows("select current_setting('threads')")
        self._sql("set threads = 1")
        try:
            yield
        finally:
            self._sql(f"set threads = {threads}")

    def _take_out_doubles(self, event: type[events.Event]) -> None:
        """Remove rows of the slice that are stored already; rows whose id belongs to another event are refused."""
        low, high = self._rows("select min(ingest_seq), max(ingest_seq) from numbers")[0]
        given = self._rows(
            f"select numbers.ingest_seq from numbers inner join {event.table} using (ingest_seq)"
            " inner join objects using (ordinal) where own_id is not null"
            if self._has_own_ids
            else "select 0 where false"
        )
        doubles = take_out_doubles(self._connection, {event: [seq for (seq,) in given]}, low, high)
        if doubles.known:
            self._sql(
                "insert into doubles select ordinal from numbers where ingest_seq in (select unnest(?::bigint[]))",
                [doubles.known],
            )
        if doubles.refused:
            self._sql(
                "insert into refused select ordinal, reason from numbers inner join"
                " (select unnest(?::bigint[]) as ingest_seq, unnest(?::varchar[]) as reason) using (ingest_seq)",
                [list(doubles.refused), list(doubles.refused.values())],
            )

    def _remember_lines(self) -> None:
        """Store the md5 of lines whose event has another id, so that a later import knows them without typing them."""
        self._sql(
            "insert into imported_lines select line_id from objects where event_id is distinct from line_id"
            " and ordinal not in (select ordinal from refused)"
        )
