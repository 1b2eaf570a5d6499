"""The lines of one log in temporary tables before they are stored: read, known or new, refused or typed.

Laws kept here:
- files are read in bulk; only compressed files, and files with a hole or a line that is not JSON, are read line by
  line, and only a file with a refused line is read a second time, to number that line;
- a refused line is identified by its md5 and its place among the equal lines of its log: equal broken lines are each
  kept, and importing the log again after a rotation adds none.

The tables: ``staged`` has a row for each line, whose ``rowid`` is its *ordinal*; ``repeats`` holds further equal lines
of a line in ``staged``; ``refused`` an ordinal and the reason. The view ``objects`` has the lines to be typed.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

import duckdb

from tape.store.ingest.counter import FileCount
from tape.store.legacy.json_rows import read_ts, time_paths, with_shape_and_ts
from tape.store.legacy.line_tree import LineTree, keys_are_distinct
from tape.store.legacy.log_bytes import LogBytes
from tape.store.legacy.log_lines import MAX_LINE, LogReader, as_python_reads, blank_lines, why_not_json
from tape.store.legacy.log_names import is_array
from tape.store.legacy.logs import Log, Unread, name_below

COMPUTED = "computed:"
"""Prefix of the ``event_id`` of exported lines that were computed from stored rows: no new observation."""

_BATCH_BYTES = 8_388_608
"""Text of lines that is taken into Python at a time, bytes; each line counts ``_BESIDE_LINE`` more."""
_BESIDE_LINE = 200
_BLANKS = 5_000
"""Places of blank lines noted at a time."""


class StagedLog:
    """The lines of one log. Methods add to ``unread`` and ``notes``; ``counts`` is per file, in the order read."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, folder: Path, log: Log, unread: list[Unread], notes: list[str]
    ) -> None:
        self._connection = connection
        self._folder = folder
        self._log = log
        self._unread = unread
        self._notes = notes
        self.counts: dict[str, FileCount] = {}
        self.tree = LineTree(log.shapes)
        self._paths: dict[str, Path] = {}
        self._bulk_base: dict[str, int] = {}
        """Of files that were read in bulk: the ordinal of their first line."""
        self._is_by_content = all(event.by_content for event in log.tables)
        """Whether the lines of the log are events that are known by what they say."""
        nothing = (
            "(select cast(null as varchar) as raw, cast(null as varchar) as json, cast(null as bigint) as line_no,"
            " cast(null as varchar) as flaw)"
        )
        self.sql(f"create or replace temp table staged as {self._staged(nothing)} limit 0", [0])
        self.sql("create or replace temp table refused (ordinal bigint, reason varchar)")

    def sql(self, statement: str, parameters: object = None) -> None:
        """Run a statement."""
        self._connection.execute(statement, parameters)

    def rows(self, statement: str, parameters: object = None) -> list[Any]:
        """Return the rows of a query."""
        return self._connection.execute(statement, parameters).fetchall()

    def stage(self, path: Path) -> None:
        """Read a file into the table. A file that cannot be read is noted, and the import goes on."""
        source = name_below(path, self._folder)
        file, before = len(self.counts), self._staged_count()
        try:
            with LogBytes(path) as opened:
                if not is_array(path.name) and opened.is_plain_text and self._stage_in_bulk(opened, file):
                    self._bulk_base[source] = before
                else:
                    self._stage_by_line(opened, path, file)
        except OSError as error:
            # rotated away, or closed to this user, since the folder was looked through
            self._unread.append(Unread((source,), f"cannot be read: {error.strerror}"))
            return
        self._paths[source] = path
        self.counts[source] = FileCount(read=self._staged_count() - before)

    def settle(self) -> None:
        """Decide, once all files are staged, which lines are known or refused, and find the times of the others."""
        self._restage_odd_json()
        self._drop_known()
        if self._log.name == "nav":
            self._drop_known_points()
        self._refuse_non_objects()
        self._read_odd_times()

    def drop(self) -> None:
        """Remove the tables of the log."""
        self.sql("drop view temp.objects")
        for table in ("staged", "refused", "repeats"):
            self.sql(f"drop table temp.{table}")

    def key_sets(self, shape: int) -> list[list[list[str] | None]]:
        """Return the distinct sets of keys of the lines of a shape, level by level."""
        examples = f"select min(ordinal) from objects where shape = {shape} group by keys"
        found = self.rows(f"select json_keys(raw, [{self.tree.levels}]) from objects where ordinal in ({examples})")
        return [names for (names,) in found]

    def reject(self, now: datetime) -> None:
        """Keep the refused lines among the rejected, each with its file and its line."""
        each = (
            "select ordinal, ordinal as first, reason from refused union all"
            " select repeats.ordinal, first, reason from repeats join refused on first = refused.ordinal"
        )
        places = (
            "select rowid as ordinal, file, line_no from staged union all select ordinal, file, line_no from repeats"
        )
        # The lines are moved by SQL alone: there may be more of them than fit into memory.
        self.sql(
            "create or replace temp table told as select ordinal, first, places.file, line_no, reason"
            f" from ({each}) join ({places}) as places using (ordinal)"
        )
        self.sql("create or replace temp table blanks (file smallint, ordinal bigint, count bigint)")
        sources = list(self.counts)
        last_of_each = "select file, max(ordinal) from told where line_no is null group by 1"
        for file, last in self.rows(last_of_each):
            self._note_blank_lines(file, sources[file], last)
        bases = [self._bulk_base.get(source, 0) for source in sources]
        self.sql(
            "insert into rejected_events"
            " select line_id, $now, $sources[told.file + 1], coalesce(told.line_no,"
            " told.ordinal - $bases[told.file + 1] + 1 + coalesce(blanks.count, 0)), reason, raw"
            " from told asof left join blanks on told.file = blanks.file and told.ordinal >= blanks.ordinal"
            " join staged on staged.rowid = first",
            {"now": now, "sources": sources, "bases": bases},
        )
        for file, count in self.rows("select file, count(*) from told group by 1"):
            self.counts[sources[file]].rejected = count
        self.sql("drop table temp.told")
        self.sql("drop table temp.blanks")

    def _note_blank_lines(self, file: int, source: str, last: int) -> None:
        """Note before which lines of a file blank lines stand; nothing is noted if the file is gone."""
        base = self._bulk_base[source]
        found = blank_lines(self._paths[source], last - base)
        while batch := list(islice(found, _BLANKS)):
            self.sql(
                "insert into blanks select ?, unnest(?::bigint[]), unnest(?::bigint[])",
                [file, [base + place for place, _ in batch], [count for _, count in batch]],
            )

    def _staged_count(self) -> int:
        return int(self.rows("select count(*) from staged")[0][0])

    def _batches(self, condition: str, parameters: object = None) -> Iterator[list[tuple[int, str]]]:
        """Yield the staged lines (ordinal, raw) that meet a condition, some megabytes at a time: they may be many."""
        self.sql(
            "create or replace temp table chosen as select rowid as ordinal,"
            f" sum(strlen(raw) + {_BESIDE_LINE}) over (order by rowid) // {_BATCH_BYTES} as batch"
            f" from staged where {condition}",
            parameters,
        )
        batches = "select batch, min(ordinal), max(ordinal) from chosen group by 1 order by 1"
        for batch, low, high in self.rows(batches):
            yield self.rows(
                f"select rowid, raw from staged where rowid between {low} and {high}"
                f" and rowid in (select ordinal from chosen where batch = {batch}) order by 1"
            )
        self.sql("drop table temp.chosen")

    def _stage_in_bulk(self, opened: LogBytes, file: int) -> bool:
        """Stage a whole file; return False, with nothing staged, if it is not clean text or a line is not JSON."""
        lines = (
            "(select cast(json as varchar) as raw, raw as json, cast(null as bigint) as line_no,"
            " cast(null as varchar) as flaw from read_ndjson_objects(?))"
        )
        try:
            self.sql(f"insert into staged {self._staged(lines)}", [file, opened.device_path])
        except (duckdb.InvalidInputException, duckdb.ConversionException, duckdb.OutOfMemoryException):
            return False
        return True

    def _staged(self, lines: str, *also: str) -> str:
        """SQL: the columns of ``staged`` for lines (raw, line_no, and json: the line if it is JSON, else null).

        ``keys`` is a hash of the line's key names, level by level; ``json`` is null if it equals the line.
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
            f" hash(json_keys(json, [{self.tree.levels}])) as keys, nullif(cast(json as varchar), raw) as json,"
            f" cast(? as smallint) as file, {passed} from {with_shape_and_ts(self._log.shapes, lines)}"
        )

    def _stage_by_line(self, opened: LogBytes, path: Path, file: int) -> None:
        """Stage a file line by line, the slower way. Refused lines are not parsed, because they may be large."""
        lines = (
            "(select raw, case when flaw is null and json_valid(raw) then raw end as json, line_no, flaw from"
            " (select unnest(?::varchar[]) as raw, unnest(?::bigint[]) as line_no, unnest(?::varchar[]) as flaw))"
        )
        reader = LogReader(opened, is_array=is_array(path.name))
        for batch in reader.batches():
            numbers, raws, flaws = zip(*batch, strict=True)
            self.sql(f"insert into staged {self._staged(lines)}", [file, list(raws), list(numbers), list(flaws)])
        if reader.nul_count:
            self._notes.append(
                f"{name_below(path, self._folder)}: {reader.nul_count:,} NUL bytes (a hole in the file) left out"
            )

    def _restage_odd_json(self) -> None:
        """Stage again the lines that Python reads as JSON and DuckDB reads differently, or not at all.

        Of a repeated key the last value counts; half a surrogate pair becomes a question mark.
        """
        examples = self.rows(
            f"select keys, json_keys(raw, [{self.tree.levels}]) from staged"
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
        """Stage lines (ordinal, raw, the JSON that Python reads in it) again."""
        lines = (
            "(select unnest(?::bigint[]) as ordinal, unnest(?::varchar[]) as raw, unnest(?::varchar[]) as json,"
            " cast(null as bigint) as line_no, cast(null as varchar) as flaw)"
        )
        columns = ("json", "is_object", "own_id", "event_id", "kind", "shape", "ts", "keys")
        self.sql(
            f"update staged set {', '.join(f'{name} = again.{name}' for name in columns)}"
            f" from ({self._staged(lines, 'ordinal')}) as again where staged.rowid = again.ordinal",
            [0, *(list(column) for column in zip(*cleaned, strict=True))],
        )

    def _drop_known(self) -> None:
        """Keep only the first of equal staged lines, and no line that an earlier import has read.

        Further equal lines are set aside: if the first is refused, each of them is refused. If N equal lines are among
        the rejected already, N of these lines are known: a log with N + 1 of them has one new broken line.
        """
        for event in self._log.tables:
            self.sql(f"delete from staged where line_id in (select event_id from {event.table})")
        self.sql("delete from staged where line_id in (select line_id from imported_lines)")
        self.sql(f"delete from staged where starts_with(own_id, '{COMPUTED}')")
        rejected = (
            "select event_id as line_id, count(*) as times from rejected_events"
            " where starts_with(parse_filename(source), ?) group by 1"
        )
        self.sql(
            "delete from staged using (select staged.rowid as ordinal,"
            " row_number() over (partition by line_id order by staged.rowid) as place, times"
            f" from staged inner join ({rejected}) using (line_id)) as told"
            " where staged.rowid = ordinal and place <= times",
            [self._log.name],
        )
        self.sql(
            "create or replace temp table repeats as select ordinal, first, file, line_no from ("
            " select rowid as ordinal, min(rowid) over (partition by line_id) as first, file, line_no from staged"
            " where line_id in (select line_id from staged group by all having count(*) > 1)) where ordinal > first"
        )
        self.sql("delete from staged where rowid in (select ordinal from repeats)")

    def _drop_known_points(self) -> None:
        """Remove NAV points that are stored already: the same instant, equity and NAV is the same tick.

        ``nav.jsonl`` and ``nav_log.json`` hold the same points in different formats, and so may two of their parts. A
        line with an ``event_id`` of its own is kept.
        """
        numbers = {
            name: ", ".join(
                f"try_cast(json_extract_string(coalesce(json, raw), '$.{path}') as double)" for path in paths
            )
            for name, paths in self._log.shapes[0].keys.items()
        }
        self.sql(
            "create or replace temp table points as"
            f" select rowid as place, ts, coalesce({numbers['equity_usd']}) as equity,"
            f" coalesce({numbers['nav_usd']}) as nav"
            " from staged where is_object and event_id = md5(raw) and ts in (select ts from ticks union all"
            " select ts from staged where ts is not null group by ts having count(*) > 1)"
        )
        self.sql(
            "delete from staged where rowid in ("
            " select place from points join ticks on points.ts = ticks.ts"
            " and equity is not distinct from coalesce(equity_usd, nav_usd)"
            " and nav is not distinct from coalesce(nav_usd, equity_usd)"
            " union select place from points"
            " qualify row_number() over (partition by ts, equity, nav order by place) > 1)"
        )
        self.sql("drop table temp.points")

    def _refuse_non_objects(self) -> None:
        self.sql(
            "create or replace temp view objects as"
            " select rowid as ordinal, * replace (coalesce(json, raw) as raw) from staged"
            f" where is_object and flaw is null and strlen(raw) <= {MAX_LINE}"
        )
        self.sql("insert into refused select rowid, flaw from staged where flaw is not null")
        self.sql(
            f"insert into refused select rowid, 'expected a line of at most {MAX_LINE:,} bytes, found '"
            f" || format('{{:,}}', strlen(raw)) from staged where strlen(raw) > {MAX_LINE} and flaw is null"
        )
        invalid_lines = (
            "line_no is not null and not is_object and not json_valid(raw)"
            " and rowid not in (select ordinal from refused)"
        )
        for invalid in self._batches(invalid_lines):
            self.sql(
                "insert into refused select unnest(?::bigint[]), unnest(?::varchar[])",
                [[ordinal for ordinal, _ in invalid], [why_not_json(raw) for _, raw in invalid]],
            )
        self.sql(
            "insert into refused select rowid, 'expected an object, found ' || lower(json_type(raw)) from staged"
            " where not is_object and rowid not in (select ordinal from refused)"
        )
        if kinds := self._log.kinds:
            self.sql(
                "insert into refused select rowid, ? || coalesce('''' || kind || '''', 'nothing') from staged"
                " where (kind is null or kind not in (select unnest(?::varchar[])))"
                " and rowid not in (select ordinal from refused)",
                [f"event_type: expected one of {', '.join(kinds)}, found ", list(kinds)],
            )

    def _read_odd_times(self) -> None:
        """Read event times that are written unusually; a line without a time keeps none and comes last."""
        odd = self.rows("select ordinal, shape, raw from objects where ts is null and shape is not null")
        times = [(ordinal, ts) for ordinal, shape, raw in odd if (ts := read_ts(self._log.shapes[shape], raw))]
        if times:
            self.sql(
                "update staged set ts = odd.ts"
                " from (select unnest(?::bigint[]) as ordinal, unnest(?::timestamptz[]) as ts) as odd"
                " where staged.rowid = odd.ordinal",
                [list(column) for column in zip(*times, strict=True)],
            )
