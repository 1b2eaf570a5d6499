"""Checks of the JSONL mirrors by the end of each log: its lines, and the rows that they must show.

Laws kept here: lines being appended and rows being stored at this moment are not findings; lines of an old runtime have
no ``event_id`` and are skipped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from tape.client.instants import span
from tape.doctor.checks import Check, Finding, State, check_of, first_of, size

LATE_S = 5.0
"""How long a row may wait for its line, on a machine that has other things to do."""
LOST_S = 60.0
_LOOK = "see the log of `tape serve`; `tape status` names the mirror that fails"
_REWRITE = "move it aside: a new one begins with the next row; `tape export --jsonl --out DIR` writes the log whole"


@dataclass(frozen=True)
class Tail:
    """The last complete lines of a log; ``torn``: the bytes after the last newline."""

    size: int
    lines: tuple[bytes, ...]
    torn: bytes = b""


@dataclass(frozen=True)
class Rows:
    """The rows that a log must show: ids in order, up to its watermark and after it, and how long rows have waited."""

    written: Sequence[str]
    """The last of them, oldest first."""
    waiting: Sequence[str] = ()
    waiting_s: float | None = None
    """How long the oldest of those behind the watermark is there."""
    known_elsewhere: frozenset[str] = field(default_factory=frozenset)
    """Ids of the tail that the database knows though they are not among these rows."""


def parsed(tail: Tail) -> tuple[list[dict[str, Any]], list[Finding]]:
    """Return the lines that carry an ``event_id``, and what is wrong with the others."""
    documents: list[dict[str, Any]] = []
    findings = []
    for number, line in enumerate(tail.lines):
        back = len(tail.lines) - number
        try:
            document = orjson.loads(line)
        except orjson.JSONDecodeError:
            document = None
        if not isinstance(document, dict):
            findings.append(
                _broken(f"line {back} from the end is no JSON object: {line[:40].decode(errors='replace')!r}")
            )
        elif "event_id" in document:
            documents.append(document)
        elif documents:
            findings.append(_broken(f"line {back} from the end has no event_id"))
    return documents, first_of(findings)


def _broken(found: str) -> Finding:
    return Finding(State.BROKEN, found, "each row's line, once, in order", _REWRITE)


def unreadable(error: OSError) -> Finding:
    """Return the finding for a log that cannot be read."""
    return Finding(State.BROKEN, f"cannot be read: {error.strerror or error}", "a log", "mend what lies there")


def rows_findings(ids: Sequence[str], rows: Rows) -> Iterator[Finding]:
    """Return findings unless the ids of a tail are those of the rows: none doubled, unknown, missing or misplaced."""
    for event_id, count in Counter(ids).items():
        if count > 1:
            yield _broken(f"doubled: event_id {event_id} stands in {count} lines")
            return
    expected = [*rows.written, *rows.waiting]
    place = {event_id: at for at, event_id in enumerate(expected)}
    for event_id in ids:
        if event_id not in place:
            known = "is out of its place" if event_id in rows.known_elsewhere else "is not known to the database"
            yield _broken(f"event_id {event_id} {known}")
            return
    if not ids:
        return
    there = set(ids)
    missing = [event_id for event_id in rows.written[place[ids[0]] :] if event_id not in there]
    if missing:
        yield _broken(f"missing: {len(missing)} of {len(rows.written):,} lines, the first {missing[0]}")
    elif [place[event_id] for event_id in ids] != sorted(place[event_id] for event_id in ids):
        yield _broken("lines are out of order")


def size_findings(tail: Tail | None, byte_offset: int) -> Iterator[Finding]:
    """Return findings if a log is shorter than the database says."""
    if tail is None:
        if byte_offset:
            yield _broken(f"missing: {size(byte_offset)} were written")
    elif tail.size < byte_offset:
        yield _broken(f"cut: {tail.size:,} bytes, {byte_offset:,} were written")
    elif tail.torn:
        yield _broken(f"torn: its last line ends after {len(tail.torn):,} bytes")


def lateness(waiting_s: float | None, what: str = "rows wait") -> Iterator[Finding]:
    """Return findings if lines come too late."""
    if waiting_s is not None and waiting_s > LATE_S:
        state = State.BROKEN if waiting_s > LOST_S else State.DEGRADED
        yield Finding(
            state, f"behind: {what} {span(waiting_s)} for their line", f"within {span(LATE_S)}", _LOOK, follows=True
        )


def quiet(age_s: float, most_s: float) -> Finding:
    """Return the finding for a last line that is too old."""
    return Finding(State.DEGRADED, f"silent for {span(age_s)}", f"a line every {span(most_s)}", _LOOK, follows=True)


def computed_findings(documents: Iterable[tuple[dict[str, Any], dict[str, Any]]]) -> Iterator[Finding]:
    """Return findings if computed lines were changed; each comes with the ``event_id`` that its content gives."""
    for found, made in documents:
        if found["event_id"] != made["event_id"]:
            yield _broken(f"edited: the line of ts {found.get('ts')} is not that of its event_id {found['event_id']}")
            return


def log_check(name: str, findings: Iterable[Finding], error: str | None, *, fine: str) -> Check:
    """Return the check of a log; ``error``: why the owner cannot write it."""
    found = list(findings)
    if error is not None:
        found.append(Finding(State.BROKEN, f"cannot be written: {error}", "no failure", _LOOK))
    return check_of("logs", name, found, fine=fine, expected="every row's line, once, in order, within seconds")
