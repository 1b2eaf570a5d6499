"""Imports a folder of old logs into the store.

Laws kept here:
- a line is one event; its identity is its own ``event_id``, else the md5 of the line, so importing twice stores
  nothing new and a longer snapshot of the same log stores only what is new;
- rows are numbered by (ts, file, line), rotated files oldest first;
- a line that cannot be stored is kept whole in ``rejected_events`` with file, line and reason; the rest goes on;
- files are read in bulk; only archives (a cut one would end without a word) and files with a line that is no JSON are
  read line by line, and only a file with a refused line is read again to number it.

A log is staged outside any transaction (a broken file aborts only its own reading), then stored in one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from tape.execution import events
from tape.store.config_files import import_config
from tape.store.counter import FileCount, end_import, last_ingest_seq, reject
from tape.store.database import transaction
from tape.store.errors import NoLogs
from tape.store.json_rows import LineTree, time_paths, typed_rows, with_shape_and_ts
from tape.store.legacy import CONFIGS, LOGS, Log, log_files
from tape.store.log_lines import batched_lines, line_numbers, why_not_json

COMPUTED = "computed:"
"""Prefix of the ``event_id`` of exported lines that were computed from stored rows: no new observation."""

_SLICE = 245_760
"""Rows inserted per statement: two row groups, one for each thread. Twice as many exceed the memory limit."""
_MAX_LINE = 1_048_576
"""Bytes: taking a line apart takes up to forty times its size, and an event has a thousand times less."""


@dataclass
class ImportReport:
    """Per file, in the order read: what became of its lines."""

    files: dict[str, FileCount] = field(default_factory=dict)

    @property
    def total(self) -> FileCount:
        counts = self.files.values()
        return FileCount(
            sum(count.read for count in counts),
            sum(count.stored for count in counts),
            sum(count.known for count in counts),
            sum(count.rejected for count in counts),
        )


def import_logs(
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    *,
    now: datetime,
    on_file: Callable[[Path], None] = lambda _: None,
) -> ImportReport:
    """Imports every known log of ``folder``; ``on_file`` is called before each file is read.

    Raises:
        NoLogs: the folder holds none of them.
    """
    found = log_files(folder)
    configs = {folder / name: kind for name, kind in CONFIGS.items() if (folder / name).is_file()}
    if not found and not configs:
        raise NoLogs(folder, ", ".join([*(f"{log.stem}.jsonl" for log in LOGS), "nav_log.json", *CONFIGS]))
    report = ImportReport()
    for log, paths in found:
        _LogImport(connection, folder, log, now, report).run(paths, on_file)
    for path, kind in configs.items():
        on_file(path)
        report.files[path.name] = import_config(connection, path, kind, now)
    connection.execute("checkpoint")
    return report


class _LogImport:
    """The reading of one log: stage its lines, drop what is known, type the rest, store it."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, folder: Path, log: Log, now: datetime, report: ImportReport
    ) -> None:
        self._connection = connection
        self._folder = folder
        self._log = log
        self._now = now
        self._counts: dict[str, FileCount] = {}
        self._report = report
        self._bulk_base: dict[str, int] = {}
        self._tree = LineTree(log.shapes)

    def run(self, paths: list[Path], on_file: Callable[[Path], None]) -> None:
        nothing = (
            "(select cast(null as varchar) as raw, cast(null as varchar) as json, cast(null as bigint) as line_no)"
        )
        self._sql(f"create or replace temp table staged as {self._staged(nothing)} limit 0", [0])
        self._sql("create or replace temp table refused (ordinal bigint, reason varchar)")
        for path in paths:
            on_file(path)
            self._stage(path)
        self._drop_known()
        self._refuse_non_objects()
        self._number()
        with transaction(self._connection):
            self._store()
            self._reject()
        stored = dict(
            self._rows(
                "select file, count(*) from objects where ordinal not in (from refused select ordinal) group by 1"
            )
        )
        for file, count in enumerate(self._counts.values()):
            count.stored = stored.get(file, 0)
            count.known = count.read - count.stored - count.rejected
        self._report.files.update(self._counts)
        self._sql("drop view temp.objects")
        for table in ("staged", "refused", "numbered"):
            self._sql(f"drop table temp.{table}")

    def _sql(self, statement: str, parameters: object = None) -> None:
        self._connection.execute(statement, parameters)

    def _rows(self, statement: str, parameters: object = None) -> list[Any]:
        return self._connection.execute(statement, parameters).fetchall()

    def _staged_count(self) -> int:
        return int(self._rows("select count(*) from staged")[0][0])

    def _stage(self, path: Path) -> None:
        source = str(path.relative_to(self._folder))
        file, before = len(self._counts), self._staged_count()
        if path.suffix == ".jsonl" and self._stage_in_bulk(path, file):
            self._bulk_base[source] = before
        else:
            self._stage_by_line(path, file)
        self._counts[source] = FileCount(read=self._staged_count() - before)

    def _stage_in_bulk(self, path: Path, file: int) -> bool:
        """False, with nothing staged, when the file is no clean text or a line of it is no JSON."""
        lines = (
            "(select cast(json as varchar) as raw, raw as json, cast(null as bigint) as line_no"
            " from read_ndjson_objects(?))"
        )
        try:
            self._sql(f"insert into staged {self._staged(lines)}", [file, str(path)])
        except (duckdb.InvalidInputException, duckdb.ConversionException):
            return False
        return True

    def _staged(self, lines: str) -> str:
        """SQL: lines (raw, line_no, and json: the line where it is JSON, else null) as they are staged.

        ``keys`` is a hash of the names of its keys, level by level.
        """
        heads = ", ".join(f"'$.{path}'" for path in ("event_id", "event_type", *time_paths(self._log.shapes)))
        lines = (
            "(select raw, json, line_no, heads[1] as own_id, heads[2] as kind, heads[3:] as times"
            f" from (select *, json_extract_string(json, [{heads}]) as heads from {lines}))"
        )
        return (
            "select raw, coalesce(json[1] = '{', false) as is_object,"
            f" coalesce(nullif(own_id, ''), md5(raw)) as event_id, kind, shape, ts,"
            f" hash(json_keys(json, [{self._tree.levels}])) as keys,"
            f" cast(? as smallint) as file, line_no from {with_shape_and_ts(self._log.shapes, lines)}"
        )

    def _stage_by_line(self, path: Path, file: int) -> None:
        """The slower way: lines are numbered from 1, blank ones skipped."""
        lines = (
            "(select raw, case when json_valid(raw) then raw end as json, line_no"
            " from (select unnest(?::varchar[]) as raw, unnest(?::bigint[]) as line_no))"
        )
        for batch in batched_lines(path):
            parameters = [file, [raw for _, raw in batch], [line_no for line_no, _ in batch]]
            self._sql(f"insert into staged {self._staged(lines)}", parameters)

    def _drop_known(self) -> None:
        """Leaves one staged line per event that no table holds yet, the first; rowids keep the order of the lines."""
        for table in [*(event.table for event in self._log.tables), "rejected_events"]:
            self._sql(f"delete from staged where event_id in (select event_id from {table})")
        self._sql(f"delete from staged where starts_with(event_id, '{COMPUTED}')")
        self._sql(
            "delete from staged using"
            " (select event_id, min(rowid) as first from staged group by event_id having count(*) > 1) as twice"
            " where staged.event_id = twice.event_id and staged.rowid > twice.first"
        )

    def _refuse_non_objects(self) -> None:
        self._sql(
            "create or replace temp view objects as select rowid as ordinal, * from staged"
            f" where is_object and strlen(raw) <= {_MAX_LINE}"
        )
        self._sql(
            f"insert into refused select rowid, 'expected a line of at most {_MAX_LINE:,} bytes, found '"
            f" || format('{{:,}}', strlen(raw)) from staged where strlen(raw) > {_MAX_LINE}"
        )
        invalid = self._rows(
            "select rowid, raw from staged where line_no is not null and not is_object and not json_valid(raw)"
            " and rowid not in (select ordinal from refused)"
        )
        if invalid:
            self._sql(
                "insert into refused select unnest(?::bigint[]), unnest(?::varchar[])",
                [[ordinal for ordinal, _ in invalid], [why_not_json(raw) for _, raw in invalid]],
            )
        self._sql(
            "insert into refused select rowid, 'expected an object, found ' || lower(json_type(raw)) from staged"
            " where not is_object and rowid not in (select ordinal from refused)"
        )
        if kinds := self._log.kinds:
            self._sql(
                "insert into refused select rowid, ? || coalesce('''' || kind || '''', 'nothing') from staged"
                " where (kind is null or kind not in (select unnest(?::varchar[])))"
                " and rowid not in (select ordinal from refused)",
                [f"event_type: expected one of {', '.join(kinds)}, found ", list(kinds)],
            )

    def _number(self) -> None:
        """Makes the table of the lines in their order (ts, file, line); refused ones will leave a gap.

        ``place``: the same among the lines of the same event.
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
        """Types and inserts the lines of an event in their order, a slice at a time, so that memory stays bounded.

        What the quick form of ``typed_rows`` passes on goes through the other; what that refuses is noted.
        """
        shapes = self._log.tables[event]
        found = [(shape, names) for number, shape in shapes.items() for names in self._key_sets(number)]
        with_extra = not all(self._tree.knows(shape, names) for shape, names in found)
        keys = {key for _, names in found for key in names[0] or ()}
        trees = [LineTree(shapes.values(), keys, quick=quick) for quick in (True, False)]
        count = self._rows(f"select count(*) from numbered where {where}")[0][0]
        for first in range(1, count + 1, _SLICE):
            self._sql(
                "create or replace temp table slice as select ordinal, ? + number as ingest_seq from numbered"
                f" where {where} and place between {first} and {first + _SLICE - 1}",
                [base],
            )
            for tree in trees:
                if lines := self._slice_lines():
                    self._insert(event, typed_rows(tree, shapes, lines, with_extra=with_extra))
            if lines := self._slice_lines():
                rows = typed_rows(trees[-1], shapes, lines, with_extra=False)
                self._sql(f"insert into refused select ordinal, refusal from ({rows}) join slice using (ordinal)")
        self._sql("drop table if exists temp.slice")

    def _slice_lines(self) -> str | None:
        low, high = self._rows("select min(ordinal), max(ordinal) from slice")[0]
        return None if low is None else f"(from objects where ordinal between {low} and {high})"

    def _insert(self, event: type[events.Event], rows: str) -> None:
        """Moves the rows of the slice that are not refused into their table.

        Whether they are is asked by a value from either side of the join: a filter on ``refusal`` alone would be
        planned below it, where every line is parsed once more.
        """
        self._sql(
            f"""
            insert into {event.table} by name
            select * exclude (ordinal, refusal, seq), ? as producer
            from (
                select typed.*, seq, case when refusal is null then seq end as ingest_seq
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

    def _key_sets(self, shape: int) -> list[list[list[str] | None]]:
        """The distinct keys of the lines of a shape, level by level."""
        examples = f"select min(ordinal) from objects where shape = {shape} group by keys"
        found = self._rows(f"select json_keys(raw, [{self._tree.levels}]) from objects where ordinal in ({examples})")
        return [names for (names,) in found]

    def _reject(self) -> None:
        refused = self._rows(
            "select staged.rowid, event_id, file, line_no, reason, raw"
            " from refused join staged on staged.rowid = refused.ordinal order by 1"
        )
        wanted: dict[str, set[int]] = {}
        sources = list(self._counts)
        for ordinal, _, file, line_no, *_ in refused:
            source = sources[file]
            if line_no is None:
                wanted.setdefault(source, set()).add(ordinal - self._bulk_base[source])
        numbers = {source: line_numbers(self._folder / source, at) for source, at in wanted.items()}
        for ordinal, event_id, file, line_no, reason, raw in refused:
            source = sources[file]
            line = line_no or numbers[source][ordinal - self._bulk_base[source]]
            reject(self._connection, event_id=event_id, now=self._now, source=source, line=line, reason=reason, raw=raw)
            self._counts[source].rejected += 1
