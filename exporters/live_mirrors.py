"""The six JSONL logs kept alive: rows appear in them within a second of being stored.

Laws kept here: a row is written once, in the order it was stored; how far a log is written is committed after the lines
are on disk, and after what stood there already was matched; rows of old logs are never mirrored, these logs are their
mirror; a mirror that fails does not stop the others.
"""

from __future__ import annotations

import gzip
import json
import logging
import os
import sys
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import duckdb

from tape.execution import events
from tape.exporters.jsonl_mirrors import ORDER_EVENTS, contract_line, dump, pair_line, router_health_line, summary_line
from tape.exporters.mirror_files import ROTATE_BYTES, MirrorFile, newest_part, open_part
from tape.store.database import is_fatal, is_memory_short, roll_back, transaction
from tape.store.errors import StoreError
from tape.store.own_files import OwnFiles
from tape.store.query.round import Row, fetch_rows

_LOG = logging.getLogger(__name__)
_SLICE = 1_000
"""Rows appended at a time: so many of the longest fit into memory, and are done before somebody dies again."""
_TAIL_BYTES = 1_000_000
"""What is read first of a log whose last lines are asked for."""
ROUTER_HEALTH_S = 600.0
"""The router health log says at least this often that it lives."""
_PAIR_AGE = timedelta(seconds=120)
_PAIRS = 10_000
"""Decisions compared in one run; what is left of a long backlog waits for the next publication."""

EVENT_MIRRORS: dict[str, tuple[type[events.Event], ...]] = {
    "execution/orders_executed.jsonl": ORDER_EVENTS,
    "execution/order_metrics.jsonl": (events.OrderMeasured,),
    "execution/risk_vetoes.jsonl": (events.IntentVetoed,),
    "pipeline_v6_shadow.jsonl": (events.ShadowDecided,),
}
LOGS = (*EVENT_MIRRORS, "router_health.jsonl", "pipeline_v6_compare.jsonl")
"""The six logs, below the folder of logs."""


@dataclass
class Watermark:
    """How far a log is written: the number of its last row, and its size behind it."""

    mirror: str
    last_seq: int = 0
    byte_offset: int = 0


class Lines(NamedTuple):
    """Lines that come next in a log."""

    lines: list[tuple[str, bytes]]
    """Each with its ``event_id``."""
    last_seq: int
    """The number of the row they reach."""
    are_all: bool
    """Whether no row is left behind them that the log may hold already; ``False`` where nobody looked."""


class Mirror(Protocol):
    """One log kept alive."""

    name: str
    tables: tuple[str, ...]
    """Where its lines come from, when from tables alone: while these are the same, there is no news."""

    def lines(self, last_seq: int) -> Lines:
        """The lines behind the row of this number; none: no news."""
        ...

    def wrote(self) -> None:
        """These lines are on disk."""
        ...


class Mirrors:
    """All live logs of a home; ``run_once``, again and again, brings them up to date."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        logs: Path,
        *,
        rotate_bytes: int = ROTATE_BYTES,
        own: OwnFiles | None = None,
    ) -> None:
        self._cursor = connection.cursor()
        self._cursor.execute("set variable as_of = timestamptz 'infinity'")
        self._logs = logs
        self._rotate_bytes = rotate_bytes
        self._own = own
        imported = not_imported(self._cursor)
        self.mirrors: list[Mirror] = [
            *(EventMirror(self._cursor, name, kinds, imported) for name, kinds in EVENT_MIRRORS.items()),
            RouterHealthMirror(logs, own),
            CompareMirror(self._cursor, logs, imported, own),
        ]
        self._files: dict[str, MirrorFile] = {}
        self._marks: dict[str, Watermark] = {}
        self._seen: dict[str, tuple[int, ...]] = {}
        self.errors: dict[str, str] = {}
        """Why a mirror is behind, by its name; empty when all is well."""
        self.failures = 0

    def run_once(self, writing: AbstractContextManager[object], versions: Mapping[str, int]) -> int:
        """Appends a slice of what is new to each log; returns the lines written, 0 when all are up to date.

        ``writing`` is held while watermarks commit. ``versions``: per table a number that grows with its rows.

        Raises:
            duckdb.Error, MemoryError: the database is broken, or memory is short; anything else is a failure of its
                mirror.
        """
        count = 0
        for mirror in self.mirrors:
            try:
                count += self._news(mirror, writing, versions)
                if self.errors.pop(mirror.name, None):
                    _LOG.info("%s is written again", mirror.name)
            except Exception as error:
                if is_fatal(error):
                    raise
                self._forget(mirror.name)
                if is_memory_short(error):
                    raise
                self._fail(mirror.name, error)
        return count

    def close(self) -> None:
        self._cursor.close()

    def _news(self, mirror: Mirror, writing: AbstractContextManager[object], versions: Mapping[str, int]) -> int:
        """Looks for lines only where a table may have some."""
        now = tuple(versions.get(table, 0) for table in mirror.tables)
        if mirror.tables and self._seen.get(mirror.name) == now:
            return 0
        count = self._bring_up(mirror, writing)
        if count == 0:
            self._seen[mirror.name] = now
        return count

    def _bring_up(self, mirror: Mirror, writing: AbstractContextManager[object]) -> int:
        if mirror.name not in self._files:
            self._open(mirror.name, writing)
        mark, file = self._marks[mirror.name], self._files[mirror.name]
        lines, last_seq, are_all = mirror.lines(mark.last_seq)
        if not lines and not (are_all and file.is_matching):
            return 0
        size = file.append(lines)
        if are_all:
            file.match_no_more()
        mark = Watermark(mirror.name, last_seq, mark.byte_offset if file.is_matching else size)
        if not (file.is_matching and file.in_archives):  # else the number on record tells what is to be matched
            self._save(mark, writing)
        if lines:
            mirror.wrote()
        if not file.is_matching and file.rotate_if_full(size, last_seq):
            mark = Watermark(mirror.name, last_seq, 0)
            self._save(mark, writing)
        self._marks[mirror.name] = mark
        return len(lines)

    def _open(self, name: str, writing: AbstractContextManager[object]) -> None:
        """Begins with what disk and database say."""
        roll_back(self._cursor)
        mark = self._load(name)
        file = MirrorFile(
            self._logs / name,
            mark.byte_offset,
            last_seq=mark.last_seq,
            rotate_bytes=self._rotate_bytes,
            own=self._own,
        )
        if file.offset != mark.byte_offset:
            # on record before anything is appended: what is might grow beyond the offset of the log before
            mark = Watermark(name, mark.last_seq, file.offset)
            self._save(mark, writing)
        self._marks[name], self._files[name] = mark, file

    def _load(self, name: str) -> Watermark:
        row = self._cursor.execute(
            "select last_seq, byte_offset from mirror_watermarks where mirror = ?", [name]
        ).fetchone()
        return Watermark(name) if row is None else Watermark(name, *row)

    def _save(self, mark: Watermark, writing: AbstractContextManager[object]) -> None:
        with writing, transaction(self._cursor):
            moved = self._cursor.execute(
                "update mirror_watermarks set last_seq = ?, byte_offset = ? where mirror = ?",
                [mark.last_seq, mark.byte_offset, mark.mirror],
            ).fetchone()
            if moved is None or moved[0] == 0:
                self._cursor.execute(
                    "insert into mirror_watermarks values (?, ?, ?)", [mark.mirror, mark.last_seq, mark.byte_offset]
                )

    def _fail(self, name: str, error: Exception) -> None:
        if name not in self.errors:
            is_known = isinstance(error, StoreError)
            _LOG.error("%s cannot be written: %s", name, error, exc_info=None if is_known else error)
        self.failures += 1
        self.errors[name] = (str(error) or type(error).__name__).splitlines()[0]

    def _forget(self, name: str) -> None:
        """Forgets what memory holds of the log: the next try begins with what disk and database say."""
        self._files.pop(name, None)
        self._seen.pop(name, None)


def not_imported(cursor: duckdb.DuckDBPyConnection) -> str:
    """SQL: the condition that a row was not imported; imports happen only while no owner runs."""
    spans: list[list[int]] = []
    for first, last in cursor.execute("select first_seq, last_seq from imports order by first_seq").fetchall():
        if spans and first <= spans[-1][1] + 1:
            spans[-1][1] = max(spans[-1][1], last)
        else:
            spans.append([first, last])
    return " and ".join(["true", *(f"not ingest_seq between {first} and {last}" for first, last in spans)])


class EventMirror:
    """The rows of some event tables as the contract's lines, in the order they were stored."""

    def __init__(
        self,
        cursor: duckdb.DuckDBPyConnection,
        name: str,
        kinds: tuple[type[events.Event], ...],
        not_imported: str,
    ) -> None:
        self.name = name
        self.tables = tuple(kind.table for kind in kinds)
        self._cursor = cursor
        self._kinds = kinds
        self._not_imported = not_imported

    def lines(self, last_seq: int) -> Lines:
        rows: list[tuple[int, type[events.Event], Row]] = []
        # all tables as of one commit: what came into one between the reading of another and its own would pass it by
        with transaction(self._cursor):
            if (reached := self._reached(last_seq)) is None:
                return Lines([], last_seq, are_all=True)
            for event in self._kinds:
                rows += [(row["ingest_seq"], event, row) for row in self._rows(event, last_seq, reached)]
        rows.sort(key=lambda item: item[0])
        lines = [(row["event_id"], dump(contract_line(event, row))) for _, event, row in rows]
        return Lines(lines, reached, are_all=len(rows) < _SLICE)

    def wrote(self) -> None:
        """Nothing to remember: the watermark is all."""

    def _reached(self, last_seq: int) -> int | None:
        """The number of the last row of the next slice, found by numbers alone: a long backlog is not sorted whole."""
        numbers = " union all ".join(f"select ingest_seq from {table}" for table in self.tables)
        ((reached,),) = self._cursor.execute(
            f"select max(ingest_seq) from (select ingest_seq from ({numbers})"
            f" where ingest_seq > ? and {self._not_imported} order by ingest_seq limit {_SLICE})",
            [last_seq],
        ).fetchall()
        return None if reached is None else int(reached)

    def _rows(self, event: type[events.Event], last_seq: int, reached: int) -> Iterator[Row]:
        return fetch_rows(
            self._cursor.execute(
                f"from {event.table} where ingest_seq > ? and ingest_seq <= ? and {self._not_imported}",
                [last_seq, reached],
            )
        )


class _Published:
    """A published state file that is looked at again when it was replaced; another program's counts as none."""

    def __init__(self, path: Path, own: OwnFiles | None) -> None:
        self._path = path
        self._own = own
        self._seen = self._now = (0, 0)

    def document(self) -> dict[str, Any] | None:
        """The document when it is another file than at the last ``took``, else ``None``."""
        if self._own is not None and not self._own.is_own(self._path):
            return None
        try:
            with self._path.open("rb") as file:
                stat = os.fstat(file.fileno())
                self._now = (stat.st_ino, stat.st_mtime_ns)
                return None if self._now == self._seen else dict(json.loads(file.read()))
        except FileNotFoundError:
            return None

    def took(self) -> None:
        self._seen = self._now


class RouterHealthMirror:
    """Router health whenever the published file changed, and every ten minutes when it did not."""

    name = "router_health.jsonl"
    tables: tuple[str, ...] = ()

    def __init__(self, logs: Path, own: OwnFiles | None = None) -> None:
        self._published = _Published(logs / "state" / "router_health.json", own)
        log = newest_part(logs / self.name)
        last = _last_line(log)
        self._last = self._next = without_clocks(last)
        self._last_id = last.get("event_id")
        # a log of the future was written before the clock was set back
        age_s = max(0.0, time.time() - log.stat().st_mtime) if log.exists() else ROUTER_HEALTH_S
        self._written_at = time.monotonic() - age_s

    def lines(self, last_seq: int) -> Lines:
        document = self._published.document()
        if document is None:
            return Lines([], last_seq, are_all=True)
        self._next = without_clocks(document)
        line = router_health_line(document)
        is_young = time.monotonic() - self._written_at < ROUTER_HEALTH_S
        if line["event_id"] == self._last_id or (self._next == self._last and is_young):
            self._published.took()
            return Lines([], last_seq, are_all=True)
        return Lines([(line["event_id"], dump(line))], last_seq, are_all=True)

    def wrote(self) -> None:
        self._last, self._written_at = self._next, time.monotonic()
        self._published.took()


def without_clocks(document: dict[str, Any]) -> list[dict[str, Any]]:
    """What router health says, without when it was said; an old runtime may have said it in another shape."""
    symbols = document.get("symbols")
    items = [item for item in symbols if isinstance(item, dict)] if isinstance(symbols, list) else []
    return [{key: value for key, value in item.items() if key != "updated_ts"} for item in items]


def _last_line(path: Path) -> dict[str, Any]:
    """The last whole line of a log, ``{}`` where there is none."""
    lines = _last_lines(path, _TAIL_BYTES)
    return _document(lines[-1]) if lines else {}


def _last_lines(path: Path, size: int) -> list[bytes]:
    """The whole lines in the last bytes of a log, the first of them perhaps in part; a damaged archive has none."""
    try:
        with open_part(path) as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(max(0, end - size))
            return file.read().rpartition(b"\n")[0].splitlines()
    except (FileNotFoundError, EOFError, zlib.error, gzip.BadGzipFile):
        return []


def _document(line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


class CompareMirror:
    """Whenever the compare summary was published: the new pairs, then a line that sums the run up.

    A pair is logged once its decision is 120 s old by its own time. A decision that was stamped in the future does not
    hold up those stored after it: it is passed over, and logged by the first run after its time has come. A publication
    is summed up once: what was stored behind a run that a kill kept from its watermark waits for the next.
    """

    name = "pipeline_v6_compare.jsonl"
    tables: tuple[str, ...] = ()

    def __init__(
        self, cursor: duckdb.DuckDBPyConnection, logs: Path, not_imported: str, own: OwnFiles | None = None
    ) -> None:
        self._cursor = cursor
        self._published = _Published(logs / "state" / "pipeline_v6_compare_summary.json", own)
        self._not_imported = not_imported
        self._log = logs / self.name

    def lines(self, last_seq: int) -> Lines:
        document = self._published.document()
        if document is None:
            return Lines([], last_seq, are_all=False)
        summed_up_ts, summed_up = self._last_run()
        if document["generated_ts"] == summed_up_ts:
            self._published.took()
            return Lines([], last_seq, are_all=False)
        ripe = datetime.fromtimestamp(document["generated_ts"], UTC) - _PAIR_AGE
        reached, are_all = self._ripe_until(last_seq, ripe)
        passed_over = self._passed_over(last_seq, summed_up_ts, ripe)
        lines = [pair_line(pair) for pair in [*passed_over, *self._pairs(last_seq, reached, ripe)]]
        lines.append(summary_line(document, sum(line["event_id"] not in summed_up for line in lines)))
        return Lines([(line["event_id"], dump(line)) for line in lines], reached, are_all)

    def wrote(self) -> None:
        self._published.took()

    def _pairs(self, after_seq: int, until_seq: int, ripe: datetime) -> Iterator[Row]:
        return fetch_rows(
            self._cursor.execute(
                f"from compare_pairs_of(9223372036854775807, after_seq := {after_seq}, until_seq := {until_seq})"
                f" where {self._not_imported} and ts <= $ripe order by ingest_seq",
                {"ripe": ripe},
            )
        )

    def _passed_over(self, last_seq: int, summed_up_ts: float | None, ripe: datetime) -> list[Row]:
        """The pairs of decisions that earlier runs passed over, and whose time has come since the last run."""
        if summed_up_ts is None:
            return []
        last_ripe = datetime.fromtimestamp(summed_up_ts, UTC) - _PAIR_AGE
        ((first_seq,),) = self._cursor.execute(
            "select min(ingest_seq) from shadow_decisions"
            f" where ingest_seq <= $last and ts > $last_ripe and ts <= $ripe and {self._not_imported}",
            {"last": last_seq, "last_ripe": last_ripe, "ripe": ripe},
        ).fetchall()
        if first_seq is None:
            return []
        return [pair for pair in self._pairs(first_seq - 1, last_seq, ripe) if pair["ts"] > last_ripe]

    def _last_run(self) -> tuple[float | None, set[str]]:
        """What the log ends with, or the newest archived one where it is rotated: the summary's time, and its pairs."""
        log = newest_part(self._log)
        lines = _last_lines(log, _TAIL_BYTES)
        summary = _document(lines[-1]) if lines else {}
        count = summary.get("diff_count")
        if "summary" not in summary or not isinstance(count, int):
            return None, set()
        if count + 1 >= len(lines):
            lines = _last_lines(log, sys.maxsize)
        pairs = [_document(line) for line in lines[max(0, len(lines) - 1 - count) : -1]]
        return summary.get("ts"), {str(pair.get("event_id")) for pair in pairs}

    def _ripe_until(self, last_seq: int, ripe: datetime) -> tuple[int, bool]:
        """Return the number of the last decision of this run, and whether the run leaves no ripe one.

        The run ends before the first decision that is too young by its arrival; ripe ones may have been stored after
        that.
        """
        decisions = (
            "from shadow_decisions where ingest_seq > $last and not is_heartbeat and not is_test"
            f" and {self._not_imported}"
        )
        since = "least(ts, received_ts)"
        ((found,),) = self._cursor.execute(
            f"select max(ingest_seq) from (select ingest_seq {decisions} and ingest_seq < coalesce("
            f"(select min(ingest_seq) {decisions} and {since} > $ripe), 9223372036854775807)"
            f" order by ingest_seq limit {_PAIRS})",
            {"last": last_seq, "ripe": ripe},
        ).fetchall()
        reached = last_seq if found is None else int(found)
        ((left,),) = self._cursor.execute(
            f"select count(*) {decisions} and {since} <= $ripe", {"last": reached, "ripe": ripe}
        ).fetchall()
        return reached, left == 0
