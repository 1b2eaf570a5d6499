"""Imports a folder of old logs into the store.

Laws kept here:
- a line is one event; its identity is its own ``event_id``, else what an order event says (``identity.py``), else the
  md5 of the line, so importing twice stores nothing new and a longer snapshot stores only what is new;
- a refused line is known by its md5 and its place among the equal lines of its log: equal broken lines are each kept,
  and a log that was rotated since tells nothing new;
- rows are numbered by (ts, file, line), rotated files oldest first;
- a line that cannot be stored is kept whole in ``rejected_events`` with file, line and reason; the rest goes on;
- every file in the folder is read, or listed as not read with the reason;
- files are read in bulk; only packed ones, and files with a hole or with a line that is no JSON, are read line by
  line, and only a file with a refused line is read again to number it.

A log is staged outside any transaction (a broken file aborts only its own reading), then stored in one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

import duckdb

from tape.execution import events
from tape.store.database import transaction
from tape.store.errors import NoLogs
from tape.store.ingest.counter import FileCount, end_import, last_ingest_seq, sum_of
from tape.store.ingest.identity import content_id, take_out_doubles
from tape.store.legacy.config_files import import_config, kept_in_range, without_use
from tape.store.legacy.json_rows import (
    LineTree,
    keys_are_distinct,
    read_line,
    read_ts,
    time_paths,
    typed_lines,
    typed_rows,
    with_shape_and_ts,
)
from tape.store.legacy.log_bytes import LogBytes
from tape.store.legacy.log_lines import MAX_LINE, LogReader, as_python_reads, blank_lines, why_not_json
from tape.store.legacy.log_names import is_array
from tape.store.legacy.logs import CONFIGS, LOGS, NAV_ARRAY, FoundLogs, Log, Unread, find_logs, logs_nearby, name_below
from tape.store.schema import python_type

COMPUTED = "computed:"
"""Prefix of the ``event_id`` of exported lines that were computed from stored rows: no new observation."""

_SLICE = 245_760
"""Rows inserted per statement: two row groups, one for each thread. Twice as many exceed the memory limit."""
_ODD_LINES = 5_000
"""Lines read one by one at a time."""
_BATCH_BYTES = 8_388_608
"""Text of lines that is taken into Python at a time, bytes; each line counts ``_BESIDE_LINE`` more."""
_BESIDE_LINE = 200


@dataclass
class ImportReport:
    """Per file, in the order read, what became of its lines; which files were not read; what else there is to say."""

    files: dict[str, FileCount] = field(default_factory=dict)
    unread: list[Unread] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def total(self) -> FileCount:
        return sum_of(self.files.values())

    def listed(self, most: int) -> list[tuple[str, FileCount]]:
        """The files with their counts; of very many the first, and the sum of the others."""
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
    """Imports every known log of ``folder``; ``on_file`` is called before each file is read.

    ``found``: what lies there, where the caller has looked before.

    Raises:
        NoLogs: the folder holds none of them.
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
    """The reading of one log: stage its lines, drop what is known, type the rest, store it."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, folder: Path, log: Log, now: datetime, report: ImportReport
    ) -> None:
        self._connection = connection
        self._folder = folder
        self._log = log
        self._now = now
        self._counts: dict[str, FileCount] = {}
        self._paths: dict[str, Path] = {}
        self._report = report
        self._bulk_base: dict[str, int] = {}
        self._tree = LineTree(log.shapes)
        self._is_by_content = all(event.by_content for event in log.tables)
        """Whether the lines of the log are events that are known by what they say."""

    def run(self, paths: list[Path], on_file: Callable[[Path], None]) -> None:
        nothing = (
            "(select cast(null as varchar) as raw, cast(null as varchar) as json, cast(null as bigint) as line_no,"
            " cast(null as varchar) as flaw)"
        )
        self._sql(f"create or replace temp table staged as {self._staged(nothing)} limit 0", [0])
        self._sql("create or replace temp table refused (ordinal bigint, reason varchar)")
        self._sql("create or replace temp table doubles (ordinal bigint)")
        for path in paths:
            on_file(path)
            self._stage(path)
        self._restage_odd_json()
        self._drop_known()
        if self._log.name == "nav":
            self._drop_known_points()
        self._has_own_ids = self._rows("select count(own_id) > 0 from staged")[0][0]
        self._refuse_non_objects()
        self._number()
        with transaction(self._connection):
            self._store()
            self._reject()
            self._remember_lines()
        stored = dict(
            self._rows(
                "select file, count(*) from objects where ordinal not in (from refused select ordinal)"
                " and ordinal not in (from doubles) group by 1"
            )
        )
        for file, count in enumerate(self._counts.values()):
            count.stored = stored.get(file, 0)
            count.known = count.read - count.stored - count.rejected
        self._report.files.update(self._counts)
        self._sql("drop view temp.objects")
        for table in ("staged", "refused", "doubles", "repeats", "numbered"):
            self._sql(f"drop table temp.{table}")

    def _sql(self, statement: str, parameters: object = None) -> None:
        self._connection.execute(statement, parameters)

    def _rows(self, statement: str, parameters: object = None) -> list[Any]:
        return self._connection.execute(statement, parameters).fetchall()

    def _staged_count(self) -> int:
        return int(self._rows("select count(*) from staged")[0][0])

    def _batches(self, condition: str, parameters: object = None) -> Iterator[list[tuple[int, str]]]:
        """The staged lines (ordinal, raw) that meet a condition, some megabytes at a time: a log may be all broken."""
        self._sql(
            "create or replace temp table chosen as select rowid as ordinal,"
            f" sum(strlen(raw) + {_BESIDE_LINE}) over (order by rowid) // {_BATCH_BYTES} as batch"
            f" from staged where {condition}",
            parameters,
        )
        batches = "select batch, min(ordinal), max(ordinal) from chosen group by 1 order by 1"
        for batch, low, high in self._rows(batches):
            yield self._rows(
                f"select rowid, raw from staged where rowid between {low} and {high}"
                f" and rowid in (select ordinal from chosen where batch = {batch}) order by 1"
            )
        self._sql("drop table temp.chosen")

    def _stage(self, path: Path) -> None:
        source = name_below(path, self._folder)
        file, before = len(self._counts), self._staged_count()
        try:
            with LogBytes(path) as opened:
                if not is_array(path.name) and opened.is_plain_text and self._stage_in_bulk(opened, file):
                    self._bulk_base[source] = before
                else:
                    self._stage_by_line(opened, path, file)
        except OSError as error:
            # rotated away, or closed to this user, since the folder was looked through
            self._report.unread.append(Unread((source,), f"cannot be read: {error.strerror}"))
            return
        self._paths[source] = path
        self._counts[source] = FileCount(read=self._staged_count() - before)

    def _stage_in_bulk(self, opened: LogBytes, file: int) -> bool:
        """False, with nothing staged, when the file is no clean text or a line of it is no JSON."""
        lines = (
            "(select cast(json as varchar) as raw, raw as json, cast(null as bigint) as line_no,"
            " cast(null as varchar) as flaw from read_ndjson_objects(?))"
        )
        try:
            self._sql(f"insert into staged {self._staged(lines)}", [file, opened.device_path])
        except (duckdb.InvalidInputException, duckdb.ConversionException, duckdb.OutOfMemoryException):
            return False
        return True

    def _staged(self, lines: str, *also: str) -> str:
        """SQL: lines (raw, line_no, and json: the line where it is JSON, else null) as they are staged.

        ``keys`` is a hash of the names of its keys, level by level; ``json`` is null where it is the line.
        """
        heads = ", ".join(f"'$.{path}'" for path in ("event_id", "event_type", *time_paths(self._log.shapes)))
        passed = ", ".join(("line_no", "flaw", *also))
        lines = (
            f"(select raw, json, {passed}, heads[1] as own_id, heads[2] as kind, heads[3:] as times"
            f" from (select *, json_extract_string(json, [{heads}]) as heads from {lines}))"
        )
        return (
            "select raw, coalesce(json[1] = '{', false) as is_object,"
            " nullif(own_id, '') as own_id, md5(raw) as line_id, kind, shape, ts,"
            f" {'own_id' if self._is_by_content else 'coalesce(own_id, line_id)'} as event_id,"
            f" hash(json_keys(json, [{self._tree.levels}])) as keys, nullif(cast(json as varchar), raw) as json,"
            f" cast(? as smallint) as file, {passed} from {with_shape_and_ts(self._log.shapes, lines)}"
        )

    def _stage_by_line(self, opened: LogBytes, path: Path, file: int) -> None:
        """The slower way. Lines that the reader refuses are not taken apart: they may be large."""
        lines = (
            "(select raw, case when flaw is null and json_valid(raw) then raw end as json, line_no, flaw from"
            " (select unnest(?::varchar[]) as raw, unnest(?::bigint[]) as line_no, unnest(?::varchar[]) as flaw))"
        )
        reader = LogReader(opened, is_array=is_array(path.name))
        for batch in reader.batches():
            numbers, raws, flaws = zip(*batch, strict=True)
            self._sql(f"insert into staged {self._staged(lines)}", [file, list(raws), list(numbers), list(flaws)])
        if reader.nul_count:
            self._report.notes.append(
                f"{name_below(path, self._folder)}: {reader.nul_count:,} NUL bytes (a hole in the file) left out"
            )

    def _restage_odd_json(self) -> None:
        """Stages lines once more that Python reads as JSON and DuckDB reads differently, or not at all.

        Of a key that is there twice the last counts; half a surrogate pair is a question mark.
        """
        examples = self._rows(
            f"select keys, json_keys(raw, [{self._tree.levels}]) from staged"
            " where rowid in (select min(rowid) from staged where is_object group by keys)"
        )
        doubled = [keys for keys, names in examples if not keys_are_distinct(names)]
        odd = (
            "is_object and keys in (select unnest(?::ubigint[]))"
            " or line_no is not null and flaw is null and not is_object and not json_valid(raw)"
        )
        for found in self._batches(odd, [doubled]):
            cleaned = [(ordinal, raw, clean) for ordinal, raw in found if (clean := as_python_reads(raw)) is not None]
            if cleaned:
                self._restage(cleaned)

    def _restage(self, cleaned: list[tuple[int, str, str]]) -> None:
        """Stages lines (ordinal, raw, the JSON that Python reads in it) once more."""
        lines = (
            "(select unnest(?::bigint[]) as ordinal, unnest(?::varchar[]) as raw, unnest(?::varchar[]) as json,"
            " cast(null as bigint) as line_no, cast(null as varchar) as flaw)"
        )
        columns = ("json", "is_object", "own_id", "event_id", "kind", "shape", "ts", "keys")
        self._sql(
            f"update staged set {', '.join(f'{name} = again.{name}' for name in columns)}"
            f" from ({self._staged(lines, 'ordinal')}) as again where staged.rowid = again.ordinal",
            [0, *(list(column) for column in zip(*cleaned, strict=True))],
        )

    def _drop_known(self) -> None:
        """Leaves one staged line of equal ones, the first, and none that an import has read before.

        Equal lines are set aside: should the first be refused, each of them is. Of the lines that are among the
        rejected already, as many are known as there are: a log that has one more has one more broken line.
        """
        for event in self._log.tables:
            self._sql(f"delete from staged where line_id in (select event_id from {event.table})")
        self._sql("delete from staged where line_id in (select line_id from imported_lines)")
        self._sql(f"delete from staged where starts_with(own_id, '{COMPUTED}')")
        rejected = (
            "select event_id as line_id, count(*) as times from rejected_events"
            " where starts_with(parse_filename(source), ?) group by 1"
        )
        self._sql(
            "delete from staged using (select staged.rowid as ordinal,"
            " row_number() over (partition by line_id order by staged.rowid) as place, times"
            f" from staged inner join ({rejected}) using (line_id)) as told"
            " where staged.rowid = ordinal and place <= times",
            [self._log.name],
        )
        self._sql(
            "create or replace temp table repeats as select ordinal, first, file, line_no from ("
            " select rowid as ordinal, min(rowid) over (partition by line_id) as first, file, line_no from staged"
            " where line_id in (select line_id from staged group by all having count(*) > 1)) where ordinal > first"
        )
        self._sql("delete from staged where rowid in (select ordinal from repeats)")

    def _drop_known_points(self) -> None:
        """Leaves out a NAV point that is on record: one instant with one equity and one NAV is one tick.

        ``nav.jsonl`` and ``nav_log.json`` have the same points, each in its own words, and so may two of their parts.
        A line with an ``event_id`` of its own stands.
        """
        numbers = {
            name: ", ".join(
                f"try_cast(json_extract_string(coalesce(json, raw), '$.{path}') as double)" for path in paths
            )
            for name, paths in self._log.shapes[0].keys.items()
        }
        self._sql(
            "create or replace temp table points as"
            f" select rowid as place, ts, coalesce({numbers['equity_usd']}) as equity,"
            f" coalesce({numbers['nav_usd']}) as nav"
            " from staged where is_object and event_id = md5(raw) and ts in (select ts from ticks union all"
            " select ts from staged where ts is not null group by ts having count(*) > 1)"
        )
        self._sql(
            "delete from staged where rowid in ("
            " select place from points join ticks on points.ts = ticks.ts"
            " and equity is not distinct from coalesce(equity_usd, nav_usd)"
            " and nav is not distinct from coalesce(nav_usd, equity_usd)"
            " union select place from points"
            " qualify row_number() over (partition by ts, equity, nav order by place) > 1)"
        )
        self._sql("drop table temp.points")

    def _refuse_non_objects(self) -> None:
        self._sql(
            "create or replace temp view objects as"
            " select rowid as ordinal, * replace (coalesce(json, raw) as raw) from staged"
            f" where is_object and flaw is null and strlen(raw) <= {MAX_LINE}"
        )
        self._sql("insert into refused select rowid, flaw from staged where flaw is not null")
        self._sql(
            f"insert into refused select rowid, 'expected a line of at most {MAX_LINE:,} bytes, found '"
            f" || format('{{:,}}', strlen(raw)) from staged where strlen(raw) > {MAX_LINE} and flaw is null"
        )
        invalid_lines = (
            "line_no is not null and not is_object and not json_valid(raw)"
            " and rowid not in (select ordinal from refused)"
        )
        for invalid in self._batches(invalid_lines):
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
        self._read_odd_times()
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

    def _read_odd_times(self) -> None:
        """Reads the event times that are not written as usual; a line without one keeps none, and comes last."""
        odd = self._rows("select ordinal, shape, raw from objects where ts is null and shape is not null")
        times = [(ordinal, ts) for ordinal, shape, raw in odd if (ts := read_ts(self._log.shapes[shape], raw))]
        if times:
            self._sql(
                "update staged set ts = odd.ts"
                " from (select unnest(?::bigint[]) as ordinal, unnest(?::timestamptz[]) as ts) as odd"
                " where staged.rowid = odd.ordinal",
                [list(column) for column in zip(*times, strict=True)],
            )

    def _store(self) -> None:
        base = last_ingest_seq(self._connection)
        for number, event in enumerate(self._log.tables):
            self._store_event(event, f"event = {number}", base)
        count = self._rows("select count(*) from numbered")[0][0]
        end_import(self._connection, self._log.name, base, count, self._now)

    def _store_event(self, event: type[events.Event], where: str, base: int) -> None:
        """Types and inserts the lines of an event in their order, a slice at a time, so that memory stays bounded.

        What the quick form of ``typed_rows`` leaves goes through the other, and what that leaves is read line by line.
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
            self._sql("create or replace temp table numbers as from slice")
            for tree in trees:
                if lines := self._slice_lines():
                    self._insert(event, typed_rows(tree, shapes, lines, with_extra=with_extra))
            self._read_odd_lines(event)
            self._take_out_doubles(event)
        self._sql("drop table if exists temp.slice")
        self._sql("drop table if exists temp.numbers")

    def _read_odd_lines(self, event: type[events.Event]) -> None:
        """Reads what is left of the slice line by line; what that refuses is noted."""
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
        """Moves the rows of the slice that are not odd into their table.

        Whether they are is asked by a value from either side of the join: a filter on ``is_odd`` alone would be
        planned below it, where every line is parsed once more.
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
        """Uses one thread while events with documents are hashed.

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
        """Takes out of a table what the slice has brought twice; what has an id that is taken is refused."""
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
        """Notes the lines whose event has another id than their md5, so that they are known without being typed."""
        self._sql(
            "insert into imported_lines select line_id from objects where event_id is distinct from line_id"
            " and ordinal not in (select ordinal from refused)"
        )

    def _key_sets(self, shape: int) -> list[list[list[str] | None]]:
        """The distinct keys of the lines of a shape, level by level."""
        examples = f"select min(ordinal) from objects where shape = {shape} group by keys"
        found = self._rows(f"select json_keys(raw, [{self._tree.levels}]) from objects where ordinal in ({examples})")
        return [names for (names,) in found]

    def _reject(self) -> None:
        each = (
            "select ordinal, ordinal as first, reason from refused union all"
            " select repeats.ordinal, first, reason from repeats join refused on first = refused.ordinal"
        )
        places = (
            "select rowid as ordinal, file, line_no from staged union all select ordinal, file, line_no from repeats"
        )
        # The lines are moved by SQL alone: there may be more of them than fit into memory.
        self._sql(
            "create or replace temp table told as select ordinal, first, places.file, line_no, reason"
            f" from ({each}) join ({places}) as places using (ordinal)"
        )
        self._sql("create or replace temp table blanks (file smallint, ordinal bigint, count bigint)")
        sources = list(self._counts)
        last_of_each = "select file, max(ordinal) from told where line_no is null group by 1"
        for file, last in self._rows(last_of_each):
            self._note_blank_lines(file, sources[file], last)
        bases = [self._bulk_base.get(source, 0) for source in sources]
        self._sql(
            "insert into rejected_events"
            " select line_id, $now, $sources[told.file + 1], coalesce(told.line_no,"
            " told.ordinal - $bases[told.file + 1] + 1 + coalesce(blanks.count, 0)), reason, raw"
            " from told asof left join blanks on told.file = blanks.file and told.ordinal >= blanks.ordinal"
            " join staged on staged.rowid = first",
            {"now": self._now, "sources": sources, "bases": bases},
        )
        for file, count in self._rows("select file, count(*) from told group by 1"):
            self._counts[sources[file]].rejected = count
        self._sql("drop table temp.told")
        self._sql("drop table temp.blanks")

    def _note_blank_lines(self, file: int, source: str, last: int) -> None:
        """Notes from which lines of a file on how many blank ones stand before; of a file that is gone, none."""
        base = self._bulk_base[source]
        found = blank_lines(self._paths[source], last - base)
        while batch := list(islice(found, _ODD_LINES)):
            self._sql(
                "insert into blanks select ?, unnest(?::bigint[]), unnest(?::bigint[])",
                [file, [base + place for place, _ in batch], [count for _, count in batch]],
            )
