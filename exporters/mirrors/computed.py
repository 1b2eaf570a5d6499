"""The two logs with computed lines: router health, and shadow decisions compared with live orders."""

from __future__ import annotations

import gzip
import json
import os
import sys
import time
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from tape.exporters.mirrors.files import newest_part, open_part
from tape.exporters.mirrors.lines import dump, pair_line, router_health_line, summary_line
from tape.exporters.mirrors.mirror import Lines
from tape.store.home import state_in
from tape.store.own_files import OwnFiles
from tape.store.query.round import Row, fetch_rows

_TAIL_BYTES = 1_000_000
"""What is read first of a log whose last lines are asked for."""
ROUTER_HEALTH_S = 600.0
"""The router health log says at least this often that it lives."""
_PAIR_AGE = timedelta(seconds=120)
_PAIRS = 10_000
"""Decisions compared in one run; what is left of a long backlog waits for the next publication."""


class _Published:
    """A published state file that is read again when it was replaced; a file of another program is ignored."""

    def __init__(self, path: Path, own: OwnFiles | None) -> None:
        self._path = path
        self._own = own
        self._seen = self._now = (0, 0)

    def document(self) -> dict[str, Any] | None:
        """Return the document if the file was replaced since the last ``took``, else ``None``."""
        if self._own is not None and not self._own.is_own(self._path):
            return None
        try:
            with self._path.open("rb") as file:
                # Of the file that is open: the publisher may put another one in its place at any moment.
                stat = os.fstat(file.fileno())
                self._now = (stat.st_ino, stat.st_mtime_ns)
                return None if self._now == self._seen else dict(json.loads(file.read()))
        except FileNotFoundError:
            return None

    def took(self) -> None:
        self._seen = self._now


class RouterHealthMirror:
    """Router health: a line whenever the published file changed, and every 10 minutes if it did not."""

    name = "router_health.jsonl"
    tables: tuple[str, ...] = ()

    def __init__(self, logs: Path, own: OwnFiles | None = None) -> None:
        self._published = _Published(state_in(logs) / "router_health.json", own)
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
        # An owner that died between line and watermark has logged this very document.
        if line["event_id"] == self._last_id or (self._next == self._last and is_young):
            self._published.took()
            return Lines([], last_seq, are_all=True)
        return Lines([(line["event_id"], dump(line))], last_seq, are_all=True)

    def wrote(self) -> None:
        self._last, self._written_at = self._next, time.monotonic()
        self._published.took()


def without_clocks(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Return router health without its clocks; an old runtime may have logged another shape."""
    symbols = document.get("symbols")
    items = [item for item in symbols if isinstance(item, dict)] if isinstance(symbols, list) else []
    return [{key: value for key, value in item.items() if key != "updated_ts"} for item in items]


def _last_line(path: Path) -> dict[str, Any]:
    """Return the last complete line of a log, ``{}`` if there is none."""
    lines = _last_lines(path, _TAIL_BYTES)
    return _document(lines[-1]) if lines else {}


def _last_lines(path: Path, size: int) -> list[bytes]:
    """Return the complete lines in the last bytes of a log; the first may be partial. A damaged archive has none."""
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
    """The comparison: whenever the compare summary was published, the new pairs, then a line with the summary.

    A pair is logged once its decision is 120 s old by its event time. A decision with a time in the future does not
    delay decisions stored after it: it is skipped, and logged by the first run after its time has come. Each
    publication gets one summary. If a kill prevented the watermark of a run, pairs stored after that run wait for the
    next publication.
    """

    name = "pipeline_v6_compare.jsonl"
    tables: tuple[str, ...] = ()

    def __init__(
        self, cursor: duckdb.DuckDBPyConnection, logs: Path, not_imported: str, own: OwnFiles | None = None
    ) -> None:
        self._cursor = cursor
        self._published = _Published(state_in(logs) / "pipeline_v6_compare_summary.json", own)
        self._not_imported = not_imported
        self._log = logs / self.name

    def lines(self, last_seq: int) -> Lines:
        document = self._published.document()
        if document is None:
            return Lines([], last_seq, are_all=False)
        summed_up_ts, summed_up = self._last_run()
        # The log itself says what its last run was: it is written before the watermark, so it cannot be behind it.
        if document["generated_ts"] == summed_up_ts:
            self._published.took()
            return Lines([], last_seq, are_all=False)
        ripe = datetime.fromtimestamp(document["generated_ts"], UTC) - _PAIR_AGE
        reached, are_all = self._ripe_until(last_seq, ripe)
        passed_over = self._passed_over(last_seq, summed_up_ts, ripe)
        lines = [pair_line(pair) for pair in [*passed_over, *self._pairs(last_seq, reached, ripe)]]
        # Pairs that the log has already are matched and not written, so they are not counted as new.
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
        """Return pairs of decisions that earlier runs skipped, and whose time has come since the last run."""
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
        # Those of before were in an earlier run; the numbers alone do not tell, as they are passed over one by one.
        return [pair for pair in self._pairs(first_seq - 1, last_seq, ripe) if pair["ts"] > last_ripe]

    def _last_run(self) -> tuple[float | None, set[str]]:
        """Return the end of the log, or of its newest archive after a rotation: the summary's time and the pairs."""
        log = newest_part(self._log)
        lines = _last_lines(log, _TAIL_BYTES)
        summary = _document(lines[-1]) if lines else {}
        count = summary.get("diff_count")
        if "summary" not in summary or not isinstance(count, int):
            return None, set()
        # A run of thousands of pairs is longer than the tail that was read.
        if count + 1 >= len(lines):
            lines = _last_lines(log, sys.maxsize)
        pairs = [_document(line) for line in lines[max(0, len(lines) - 1 - count) : -1]]
        return summary.get("ts"), {str(pair.get("event_id")) for pair in pairs}

    def _ripe_until(self, last_seq: int, ripe: datetime) -> tuple[int, bool]:
        """Return the number of the last decision of this run, and whether no ripe decision remains after it.

        The run ends before the first decision that arrived too recently; ripe decisions may be stored after that one.
        """
        decisions = (
            "from shadow_decisions where ingest_seq > $last and not is_heartbeat and not is_test"
            f" and {self._not_imported}"
        )
        # By arrival, unless it happened before: one stamped ahead must not hold up those stored after it.
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
