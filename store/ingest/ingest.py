"""Ingest: stores the events of the journal as rows, exactly once.

Laws kept here:
- rows, roll-ups and the read position in the journal commit in one transaction, so nothing is lost or stored twice when
  a process dies; after a failed commit the position is read again from the database, not kept from memory;
- a batch is stored whole or not at all; a batch that cannot be stored is kept among the rejected with segment, line and
  reason, and the following batches are stored;
- a backlog is stored in slices, so memory stays bounded;
- one bad batch does not stop the others: if DuckDB refuses a slice, the bad batch is found by halving.

Rows are inserted with DuckDB's JSON reader over a scratch file: measured ten times faster than parameters.
"""

from __future__ import annotations

import hashlib
import logging
from bisect import bisect
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import duckdb

from tape.execution.events import EVENTS, Event
from tape.execution.values import shortened
from tape.store.database import roll_back, transaction
from tape.store.ingest.counter import last_ingest_seq, reject
from tape.store.ingest.decode import events_of
from tape.store.ingest.identity import content_id, take_out_doubles
from tape.store.ingest.positions import Position, load_positions, save_positions, start_of
from tape.store.ingest.price_lookups import PriceLookups
from tape.store.ingest.price_questions import ASKING
from tape.store.ingest.roll_ups import Span, roll_up
from tape.store.journal.segments import (
    HeaderDamaged,
    JournalError,
    Line,
    Segment,
    header_of_name,
    is_finished,
    journal_folder,
    read_header,
    read_lines,
    segment_paths,
)
from tape.store.schema import EVENT_TABLES

_LOG = logging.getLogger(__name__)
SLICE_BYTES = 16 * 1024 * 1024
"""Journal read per transaction, about 30,000 events."""
_UNFIT = (duckdb.DataError, duckdb.InvalidInputException, duckdb.ConstraintException)
"""What DuckDB raises at values; all else is about the database, and no reason to refuse anything."""
_SPLIT_FROM = 1_000
"""Rows from which on a table's are read by two threads."""


@dataclass
class Slice:
    """The content of one transaction: rows by table as JSON lines, refusals, and the positions after them."""

    rows: defaultdict[str, list[bytes]] = field(default_factory=lambda: defaultdict(list))
    count: int = 0
    rolled: list[str] = field(default_factory=list)
    """The roll-ups that changed with them."""
    refused: list[tuple[str, int, str, str]] = field(default_factory=list)
    positions: list[Position] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)
    """Where the rows come from; they name it by its place in the list, from 1."""
    doubles: int = 0
    """Rows that were stored already, and are not stored again."""
    known: int = 0
    """Of these, the same event once more; the others are refused."""
    size: int = 0
    """Journal read, bytes."""
    given: defaultdict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    """By table, the numbers of the rows whose id a caller gave."""
    places: list[tuple[int, str, int]] = field(default_factory=list)
    """Of each batch: the number of its first row, its segment and its line."""
    batches: int = 0
    """The batches whose rows these are."""
    last: tuple[Position, int, bytes] | None = None
    """The last of them: the position that counts it, its line number and the line."""

    def refuse_last(self, reason: str) -> None:
        """Refuse the last batch, of a slice that holds no other."""
        if self.last is None:
            return
        at, number, raw = self.last
        at.stored_batches, at.stored_events = at.stored_batches - 1, at.stored_events - self.count
        at.refused_batches += 1
        self.refused.append((at.segment, number, reason, _text(raw)))
        self.count = self.batches = 0
        for kept in (self.rows, self.given, self.places):
            kept.clear()

    def row(self, number: int) -> tuple[str, str, int, str]:
        """Return table, segment, line and JSON of the row with this number."""
        _, segment, line = self.places[bisect(self.places, number, key=lambda place: place[0]) - 1]
        mark = b'"ingest_seq":%d,' % number
        table, raw = next((table, row) for table, rows in self.rows.items() for row in rows if mark in row[:80])
        return table, segment, line, _text(b"{" + raw.partition(mark)[2].rstrip(b"\n"))


@dataclass(frozen=True)
class Ingested:
    """The result of a transaction: counts of events and refused batches; the tables and roll-ups changed, up to
    ``last_seq``.

    ``known`` counts events that were stored before.
    """

    events: int = 0
    refused: int = 0
    tables: tuple[str, ...] = ()
    last_seq: int = 0
    has_more: bool = False
    known: int = 0


class Ingest:
    """Reads the segments of a home's journal into its database. ``scratch`` is a private folder, best in memory."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        home: Path,
        scratch: Path,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        slice_bytes: int = SLICE_BYTES,
    ) -> None:
        self._connection = connection
        self._folder = journal_folder(home)
        self._scratch = scratch
        self._now = now
        self._slice_bytes = self._limit = slice_bytes
        self._segments: dict[str, Segment | None] = {}
        """By file name; ``None`` where nothing can be read of it."""
        self._refused: dict[str, tuple[str, str]] = {}
        """Of damaged headers: why, and what stands there."""
        self._positions: dict[str, Position] | None = None
        self._lookups = PriceLookups(connection)
        self._damaged: set[str] = set()
        """Files of which only the header was refused, and nothing can be read: they have no position to tell."""
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="ingest-ahead")
        self._ahead: Future[tuple[Slice, bool]] | None = None
        self.unreadable: dict[str, str] = {}
        """Why, by file name: of segments that stand there, and of which nobody knows what they hold."""
        self.known = 0
        """Events that came again since this was made, and were not stored again."""

    def run_once(self) -> Ingested:
        """Store new events, at most one slice, in one transaction; without new events no transaction is made.

        While a slice of a backlog is stored, the next slice is read.

        Raises:
            duckdb.Error: the slice could not be stored; the next call begins where the last commit ended.
        """
        while True:
            if self._positions is None:
                self._positions = self._load()
            ahead, self._ahead = self._ahead, None
            taken, has_more = ahead.result() if ahead else self._take(self._positions)
            if not taken.positions and not taken.refused:
                if ahead:
                    continue  # nothing when it was read; since then something may have come
                self._lookups.catch_up()
                return Ingested(has_more=has_more)
            if has_more:
                # Copies: `refuse_last` changes a position of this slice, and the reader of the next one must not see
                # that half done.
                behind = {position.segment: replace(position) for position in taken.positions}
                # At most one slice ahead: memory holds two slices, whatever the backlog is.
                self._ahead = self._reader.submit(self._take, {**self._positions, **behind})
            try:
                last_seq = self._commit(taken)
            except _UNFIT as error:
                if not taken.batches:
                    raise
                # One of many batches is the culprit. The next slice is half as large, so it is alone after a few tries.
                if taken.batches > 1:
                    self._limit = max(1, min(self._limit, taken.size) // 2)
                    continue
                taken.refuse_last(f"the database refuses it: {error}")
                last_seq = self._commit(taken)
            # Back to full slices step by step: a culprit seldom comes alone, but the backlog must not crawl behind it.
            self._limit = min(2 * self._limit, self._slice_bytes)
            events = taken.count - taken.doubles
            self.known += taken.known
            tables = (*taken.rows, *taken.rolled)
            return Ingested(events, len(taken.refused), tables, last_seq, has_more, taken.known)

    @property
    def is_catching_up(self) -> bool:
        """Whether older rows ask for prices that the next calls look up when there is nothing new to store."""
        return self._lookups.is_behind

    def _commit(self, taken: Slice) -> int:
        try:
            with transaction(self._connection):
                last_seq = self._store(taken)
        except BaseException:
            self._lookups.forget()
            # A commit that failed may have happened. Only the database knows how far the journal is read.
            self._positions = None
            if self._ahead is not None:
                # Waited for, not only forgotten: it fills `_segments`, which the next call uses.
                wait([self._ahead])
                self._ahead = None
            raise
        if self._positions is not None:
            self._positions.update((position.segment, position) for position in taken.positions)
        return last_seq

    def _load(self) -> dict[str, Position]:
        roll_back(self._connection)
        rows = self._connection.execute(
            "select source from rejected_events where line = 1 and source not in (select segment from journal_segments)"
        ).fetchall()
        self._damaged = {source for (source,) in rows}
        return load_positions(self._connection)

    def _take(self, positions: dict[str, Position]) -> tuple[Slice, bool]:
        """Read new lines of the segments, about one slice; return it with whether there may be more."""
        taken = Slice()
        paths = segment_paths(self._folder)
        for name in self.unreadable.keys() - {path.name for path in paths}:
            self.unreadable.pop(name, None)
        for path in paths:
            position = positions.get(path.name)
            if position is not None and position.is_finished:
                continue
            if taken.size >= self._limit:
                return taken, True
            try:
                if (segment := self._segment(path, position, taken)) is not None:
                    self._take_segment(segment, position or start_of(segment), taken)
            except FileNotFoundError:
                continue  # removed since it was listed
            except OSError as error:
                why = error.strerror or str(error)
                if path.name not in self.unreadable:
                    _LOG.error("segment %s: cannot be read, and is tried again and again: %s", path.name, why)
                self.unreadable[path.name] = why
            else:
                self.unreadable.pop(path.name, None)
        return taken, taken.size >= self._limit

    def _segment(self, path: Path, position: Position | None, taken: Slice) -> Segment | None:
        """Return the header of a segment; a damaged header is refused and replaced by what the file name tells."""
        if _whole(path.name) in self._damaged:
            return None
        if path.name not in self._segments:
            try:
                self._segments[path.name] = read_header(path)
            except JournalError as error:
                with path.open("rb") as file:
                    self._refused[path.name] = (str(error), _text(file.read(4096)))
                self._segments[path.name] = header_of_name(path) if isinstance(error, HeaderDamaged) else None
        if position is None and path.name in self._refused:
            taken.refused.append((path.name, 1, *self._refused[path.name]))
            if self._segments[path.name] is None:
                self._damaged.add(_whole(path.name))
        return self._segments[path.name]

    def _take_segment(self, segment: Segment, before: Position, taken: Slice) -> None:
        """Add the new lines of a segment to the slice."""
        # asked before reading: a writer that is gone by now has nothing to add to what is read next
        can_finish = is_finished(segment.path)
        # A segment that has not grown is not read: an owner looks at every open segment several times a second.
        size = segment.path.stat().st_size
        if size == before.read_bytes and not can_finish:
            return
        at = replace(before)
        lines = read_lines(segment.path, at.read_bytes, at.read_lines + 1, self._limit - taken.size)
        taken.segments.append(segment)
        self._take_lines(lines, at, taken)
        taken.size += at.read_bytes - before.read_bytes
        if can_finish or at != before:
            taken.positions.append(at)
        if can_finish:
            self._finish(segment, at, taken)

    def _finish(self, segment: Segment, at: Position, taken: Slice) -> None:
        """End a finished segment: bytes after the last complete line are a torn line, which is set aside."""
        with segment.path.open("rb") as file:
            file.seek(at.read_bytes)
            torn = file.readline()
        # It was whole after all, written between the reading and the end of its writer: the next slice takes it.
        if torn.endswith(b"\n"):
            return
        if torn:
            at.read_lines += 1
            reason = "line ends too early: its producer is gone, and never had it recorded"
            taken.refused.append((at.segment, at.read_lines, reason, _text(torn)))
            at.read_bytes += len(torn)
        at.is_finished = True

    def _take_lines(self, lines: Iterable[Line], at: Position, taken: Slice) -> None:
        """Adds the batches of one segment, and says in ``at`` how far they reach."""
        made, segment = f"{at.run_id}-", len(taken.segments)
        rows, given, count = taken.rows, taken.given, taken.count
        for line in lines:
            at.read_bytes, at.read_lines = line.end, line.number
            if line.fault or line.seq <= at.last_seq:
                self._refuse_line(line, line.fault or f"batch {line.seq}: expected one behind {at.last_seq}", at, taken)
                continue
            # All events of a batch before the first is taken: it lands whole or not at all.
            events, reason = events_of(line)
            if reason:
                self._refuse_line(line, reason, at, taken)
                continue
            taken.places.append((count + 1, at.segment, line.number))
            for event, fields, event_id in events:
                count += 1
                rows[event.table].append(
                    b'{"segment":%d,"received_us":%d,"ingest_seq":%d,%b\n' % (segment, line.recorded_us, count, fields)
                )
                # An id that the journal made is unique by its place. Only ids that callers gave can come again.
                if event_id is not None and (event.by_content or not event_id.startswith(made)):
                    given[event.table].append(count)
            at.last_seq = line.seq
            at.stored_batches += 1
            at.stored_events += len(events)
            taken.batches, taken.last = taken.batches + 1, (at, line.number, line.raw)
        taken.count = count

    def _refuse_line(self, line: Line, reason: str, at: Position, taken: Slice) -> None:
        # A number that does not grow is counted already: counted again, it would hide a gap.
        at.refused_batches += line.seq > at.last_seq
        # Also for a refused batch: its number was given, so it is no gap.
        at.last_seq = max(at.last_seq, line.seq)
        taken.refused.append((at.segment, line.number, reason, _text(line.raw)))

    @contextmanager
    def _scratch_files(self, lines: list[bytes]) -> Iterator[list[str]]:
        """Write the lines to scratch files for the block; many lines go into two files, read by two threads."""
        half = len(lines) if len(lines) < _SPLIT_FROM else (len(lines) + 1) // 2
        files = [self._scratch / f"{at}.ndjson" for at in range(0, len(lines), half)]
        try:
            for number, file in enumerate(files):
                file.write_bytes(b"".join(lines[number * half : (number + 1) * half]))
            yield [str(file) for file in files]
        finally:
            for file in files:
                file.unlink(missing_ok=True)

    def _store(self, taken: Slice) -> int:
        base = last_ingest_seq(self._connection)
        envelopes = {name: [getattr(segment, name) for segment in taken.segments] for name in _ENVELOPE}
        for table, lines in taken.rows.items():
            with self._scratch_files(lines) as files:
                self._connection.execute(insert_from_json(table), {"base": base, "files": files, **envelopes})
        # Before the roll-ups: a tick that is taken out again must not be in a minute.
        first = self._take_out_doubles(base, taken)
        if taken.count:
            self._connection.execute("update ingest_counter set last_ingest_seq = ?", [base + taken.count])
            spans: dict[str, Span] = {}
            taken.rolled = roll_up(self._connection, base, taken.rows, spans)
            asking = [ts for event, ts in first.items() if event.table in ASKING]
            self._lookups.stored(base, taken.count, asking, spans.get("marks"), self._now())
        for segment, line, why, raw in taken.refused:
            self._reject(segment, line, why, raw)
        save_positions(self._connection, taken.positions)
        return base + taken.count

    def _take_out_doubles(self, base: int, taken: Slice) -> dict[type[Event], datetime]:
        """Remove new rows that are stored already; rows whose id belongs to another event go to the rejected.

        Returns the event time of the earliest new row of each event that is known by its content.
        """
        given = {
            _EVENTS_BY_TABLE[table]: [base + number for number in taken.given.get(table, ())] for table in taken.rows
        }
        doubles = take_out_doubles(self._connection, given, base + 1, base + taken.count)
        taken.doubles += len(doubles.known) + len(doubles.refused)
        taken.known += len(doubles.known)
        for number, why in doubles.refused.items():
            table, segment, line, raw = taken.row(number - base)
            self._reject(segment, line, f"{table}: {why}", raw)
        return doubles.first

    def _reject(self, segment: str, line: int, why: str, raw: str) -> None:
        source, reason = _whole(segment), _whole(shortened(why, 1000))
        # The place is part of it: two equal broken lines are two events that were lost.
        event_id = hashlib.md5(f"{source}:{line}:{raw}".encode(), usedforsecurity=False).hexdigest()
        reject(self._connection, event_id=event_id, now=self._now(), source=source, line=line, reason=reason, raw=raw)


def _text(raw: bytes) -> str:
    return raw.decode(errors="backslashreplace")


def _whole(text: str) -> str:
    """Return text that the database accepts: the name of a foreign file may hold bytes that are not UTF-8."""
    return text.encode(errors="backslashreplace").decode()


_ENVELOPE = ("producer", "run_id", "hostname", "pid")
"""What a segment says of every event in it; an event that says otherwise of itself is believed."""


@cache
def insert_from_json(table: str) -> str:
    """SQL: insert rows from files of JSON lines, with empty text as null.

    Parameters: ``base``, added to each ``ingest_seq``; ``files``; and for each name of ``_ENVELOPE`` a list with one
    value per segment, indexed by a row's ``segment``.
    """
    kinds = {column.name: str(column.type) for column in EVENT_TABLES[table].columns}
    read = {name: _READ_AS.get(kind, kind) for name, kind in kinds.items() if name != "received_ts"}
    values = {name: f"nullif({name}, '')" if kind == "VARCHAR" else name for name, kind in read.items()}
    # An event may carry its own sender, as one that a bridge passes on does.
    values |= {name: f"coalesce({values[name]}, ${name}[segment])" for name in _ENVELOPE}
    values |= {
        "is_test": "coalesce(is_test, false)",
        "ingest_seq": "ingest_seq + $base",
        "received_ts": "make_timestamptz(received_us)",
    }
    columns = ", ".join(f"'{name}': '{kind}'" for name, kind in [*read.items(), *_BESIDE.items()])
    rows = f"""
        select {", ".join(f"{value} as {name}" for name, value in values.items())}
        from read_ndjson($files, columns = {{{columns}}})
    """
    event = _EVENTS_BY_TABLE[table]
    if event.by_content:
        rows = f"select * replace (coalesce(event_id, {content_id(event)}) as event_id) from ({rows})"
    return f"insert into {table} by name {rows}"


_EVENTS_BY_TABLE = {event.table: event for event in EVENTS}


_READ_AS = {"TIMESTAMP": "TIMESTAMPTZ"}
_BESIDE = {"segment": "BIGINT", "received_us": "BIGINT"}
