"""Reads the ends of the JSONL mirrors, and the rows that they must show.

Law kept here: work in progress is not a finding. A log that looks wrong beside a running owner is read again, and only
the findings of the last look count.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import orjson

from tape.doctor import logs
from tape.doctor.checks import Check, Finding, age, size
from tape.doctor.files import GRACE_S
from tape.doctor.home import Home, content
from tape.execution import events
from tape.exporters.contract import state_file
from tape.exporters.mirrors.computed import ROUTER_HEALTH_S, without_clocks
from tape.exporters.mirrors.events import EVENT_MIRRORS, not_imported
from tape.exporters.mirrors.lines import router_health_line, summary_line
from tape.store.database import closing
from tape.store.legacy.staged import COMPUTED

HEALTH, COMPARE = "router_health.jsonl", "pipeline_v6_compare.jsonl"
MIRRORS = (*EVENT_MIRRORS, HEALTH, COMPARE)
"""The six logs of the contract, below ``logs``."""
TAIL_LINES = 200
_TAIL_BYTES = 1_000_000
_WAITING_ROWS = 20_000
_LOOKS, _LOOK_AGAIN_S = 4, 0.25
_PATIENCE_S = 3.0
"""How long a log may take to say what a file says."""


def log_checks(home: Home) -> Iterator[Check]:
    """Return a check for each mirror."""
    errors = {} if home.status is None else home.status["mirrors"]
    for name in MIRRORS:
        try:
            findings = _settled(home, name)
        except OSError as error:
            findings = [logs.unreadable(error)]
        yield logs.log_check(name, findings, errors.get(name), fine=_fine(home.places.logs / name))


def _fine(path: Path) -> str:
    if not path.exists():
        return "nothing to write yet"
    return f"{size(path.stat().st_size)}, the last line {age(time.time() - path.stat().st_mtime)}"


def _settled(home: Home, name: str) -> list[Finding]:
    look: Callable[[Home, str], Iterator[Finding]] = _rows_look if name in EVENT_MIRRORS else _computed_look
    for _ in range(_LOOKS - 1):
        if not (findings := list(look(home, name))) or not home.has_owner:
            return findings
        time.sleep(_LOOK_AGAIN_S)
    return list(look(home, name))


@dataclass(frozen=True)
class Read:
    """The end of a log, read after the watermark, so that all lines up to the watermark must be there."""

    last_seq: int
    byte_offset: int
    tail: logs.Tail | None
    documents: list[dict[str, Any]]
    findings: list[Finding]


def _read(home: Home, name: str) -> Read:
    last_seq, byte_offset = 0, 0
    if home.connection is not None:
        query = "select last_seq, byte_offset from mirror_watermarks where mirror = ?"
        with closing(home.connection.cursor()) as cursor:
            for row in cursor.execute(query, [name]).fetchall():
                last_seq, byte_offset = row
    tail = read_tail(home.places.logs / name)
    documents, findings = logs.parsed(tail or logs.Tail(0, ()))
    return Read(last_seq, byte_offset, tail, documents, findings)


def _rows_look(home: Home, name: str) -> Iterator[Finding]:
    """Look once at a log of rows."""
    read = _read(home, name)
    yield from read.findings
    if home.connection is None:
        return
    ids = [str(document["event_id"]) for document in read.documents]
    rows = _rows(home.connection, [event.table for event in EVENT_MIRRORS[name]], read.last_seq, ids)
    found = [*read.findings, *logs.rows_findings(ids, rows)]
    yield from found[len(read.findings) :] or (logs.size_findings(read.tail, read.byte_offset) if not found else ())
    yield from logs.lateness(rows.waiting_s)


def _computed_look(home: Home, name: str) -> Iterator[Finding]:
    """Look once at a log of computed lines: router health, or the pairs and summaries of compare."""
    read = _read(home, name)
    found = list(read.findings)
    computed = [document for document in read.documents if "shadow" not in document]
    found += logs.computed_findings((document, _made_again(name, document)) for document in computed)
    if home.connection is not None:
        if name == COMPARE:
            pairs = [str(document["event_id"]) for document in read.documents if "shadow" in document]
            decisions = f"(from {events.ShadowDecided.table} where not is_heartbeat and not is_test)"
            found += logs.rows_findings(pairs, _rows(home.connection, [decisions], read.last_seq, pairs, COMPUTED))
        found += () if found else logs.size_findings(read.tail, read.byte_offset)
    yield from found or _says_what_is_published(home, name, read)


def _made_again(name: str, document: dict[str, Any]) -> dict[str, Any]:
    """Return the line that the content of a line gives."""
    try:
        if name == COMPARE:
            return summary_line(document["summary"], document["diff_count"])
        return router_health_line({key: each for key, each in document.items() if key not in ("ts", "event_id")})
    except KeyError:
        return {"event_id": None}


def _says_what_is_published(home: Home, name: str, read: Read) -> Iterator[Finding]:
    """Return findings unless the newest line is that of the published file, in time; waits for a running owner."""
    file = state_file("router_health" if name == HEALTH else "pipeline_v6_compare_summary")
    key = "updated_ts" if name == HEALTH else "generated_ts"
    try:
        published = orjson.loads(content(home.places.state / file.name) or b"null")
    except orjson.JSONDecodeError:
        return  # the file has a line of its own, which says so
    if not isinstance(published, dict) or not isinstance(published.get(key), float):
        return
    until = time.monotonic() + (_PATIENCE_S if home.has_owner else 0.0)
    last: dict[str, Any] | None = read.documents[-1] if read.documents else None
    while not _says(name, last, published, key):
        if time.monotonic() > until:
            if last is not None or not read.last_seq:
                yield from logs.lateness(max(logs.LATE_S + 1, time.time() - published[key]), "the published file waits")
            return
        time.sleep(0.1)
        last = next(iter(logs.parsed(read_tail(home.places.logs / name) or logs.Tail(0, ()))[0][-1:]), None)
    publication = next(each for each in home.publications if each.file is file)
    most_s = publication.max_age_s + (ROUTER_HEALTH_S if name == HEALTH else 0.0)
    if last is not None and (age_s := time.time() - last["ts"]) > most_s + GRACE_S:
        yield logs.quiet(age_s, most_s)


def _says(name: str, last: dict[str, Any] | None, published: dict[str, Any], key: str) -> bool:
    if last is None or "ts" not in last:
        return False
    if name == HEALTH and without_clocks(last) == without_clocks(published):
        return True
    return bool(last["ts"] >= published[key])


def read_tail(path: Path) -> logs.Tail | None:
    """Return the last lines of a log; ``None`` if it does not exist."""
    try:
        with path.open("rb") as file:
            length = os.fstat(file.fileno()).st_size
            start = max(0, length - _TAIL_BYTES)
            file.seek(start)
            raw = file.read(length - start)
    except FileNotFoundError:
        return None
    whole, newline, torn = raw.rpartition(b"\n")
    lines = whole.split(b"\n") if newline else []
    return logs.Tail(length, tuple(lines[1 if start else 0 :][-TAIL_LINES:]), torn)


def _rows(
    connection: duckdb.DuckDBPyConnection, sources: Sequence[str], last_seq: int, ids: Sequence[str], prefix: str = ""
) -> logs.Rows:
    """Return the rows of a log around its watermark; ``ids``: the ids of its last lines."""
    with closing(connection.cursor()) as cursor:
        mine = not_imported(cursor)

        def rows(condition: str, order: str, limit: int) -> list[tuple[int, str, datetime]]:
            parts = " union all ".join(
                f"(select ingest_seq, event_id, received_ts from {source}"
                f" where {condition} and {mine} order by ingest_seq {order} limit {limit})"
                for source in sources
            )
            query = f"from ({parts}) order by ingest_seq {order} limit {limit}"
            return cursor.execute(query, {"seq": last_seq}).fetchall()

        written = rows("ingest_seq <= $seq", "desc", TAIL_LINES)[::-1]
        waiting = rows("ingest_seq > $seq", "asc", _WAITING_ROWS)
        known = [f"{prefix}{event_id}" for _, event_id, _ in [*written, *waiting]]
        elsewhere = _known(cursor, sources, set(ids).difference(known), prefix)
    oldest = min((received for _, _, received in waiting), default=None)
    waiting_s = None if oldest is None else (datetime.now(UTC) - oldest).total_seconds()
    return logs.Rows(known[: len(written)], known[len(written) :], waiting_s, elsewhere)


def _known(cursor: duckdb.DuckDBPyConnection, sources: Sequence[str], ids: set[str], prefix: str) -> frozenset[str]:
    """Return which of these ids the database has."""
    if not ids:
        return frozenset()
    query = " union all ".join(
        f"select event_id from {source} where event_id in (select unnest($ids))" for source in sources
    )
    found = cursor.execute(query, {"ids": [each.removeprefix(prefix) for each in ids]}).fetchall()
    return frozenset(f"{prefix}{event_id}" for (event_id,) in found)
