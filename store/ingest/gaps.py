"""Gaps of the journal: which batches of which run are missing, and which segments held them.

Law kept here: the gaps of a run add up to the missing batches in its certificate. Only the unread end of a segment that
was deleted too early cannot be counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import duckdb

from tape.store.ingest.positions import Position, damaged_ends, load_positions
from tape.store.journal.segments import journal_folder, segment_name


@dataclass(frozen=True)
class Gap:
    """Missing batches of a run: ``count`` of ``first_seq`` to ``last_seq``, and the segments that held them.

    ``count`` and ``last_seq`` are ``None`` if the number of batches is unknown.
    """

    producer: str
    run_id: str
    first_seq: int
    last_seq: int | None
    count: int | None
    segment: str
    """The first that is gone, or that lacks them."""
    is_gone: bool
    where: str

    def __str__(self) -> str:
        if self.last_seq is None or self.count is None:
            which = f"whatever followed batch {self.first_seq - 1:,}"
        elif self.count == self.last_seq - self.first_seq + 1:
            which = f"batch {self.first_seq:,}" if self.count == 1 else f"batches {self.first_seq:,}..{self.last_seq:,}"
        else:
            which = f"{self.count:,} of the batches {self.first_seq:,}..{self.last_seq:,}"
        return f"{self.producer} {self.run_id}: {which} missing: {self.where}"


def gaps(connection: duckdb.DuckDBPyConnection, home: Path | None = None) -> list[Gap]:
    """Return the gaps by producer and run. With ``home``, also check which segments exist."""
    positions = sorted(load_positions(connection).values(), key=lambda each: (each.producer, each.run_id, each.number))
    damaged = damaged_ends(connection)
    found: list[Gap] = []
    for _, run in groupby(positions, key=lambda each: (each.producer, each.run_id)):
        *_, last = segments = list(run)
        found += _gaps_of_run(segments)
        # Only of the last segment: behind any other the next one's first number counts the damaged batch already.
        if last.segment in damaged:
            seq, where = last.last_seq + 1, f"it is the damaged end of segment {last.segment}"
            found.append(Gap(last.producer, last.run_id, seq, seq, 1, last.segment, False, where))
    if home is not None:
        folder = journal_folder(home)
        found += [_cut_short(each) for each in positions if not each.is_finished and not _is_there(folder, each)]
    return found


def _gaps_of_run(run: Sequence[Position]) -> Iterator[Gap]:
    # From 1, not from the first segment that is known: a run whose first segment is gone lacks its first batches.
    seq, number, before = 1, 1, ""
    for each in run:
        if (count := each.first_seq - seq) > 0:
            gone = [segment_name(each.producer, each.run_id, at) for at in range(number, each.number)]
            where = _gone(gone) if gone else f"they are not at the end of segment {before}"
            name = gone[0] if gone else before
            yield Gap(each.producer, each.run_id, seq, each.first_seq - 1, count, name, bool(gone), where)
        # Numbers within a segment that no line has: dropped by the producer, or lines whose checksum is wrong.
        if missing := each.last_seq - each.first_seq + 1 - each.stored_batches - each.refused_batches:
            where = f"they are not in segment {each.segment}"
            yield Gap(each.producer, each.run_id, each.first_seq, each.last_seq, missing, each.segment, False, where)
        seq, number, before = each.last_seq + 1, each.number + 1, each.segment


def _gone(names: Sequence[str]) -> str:
    if len(names) == 1:
        return f"segment {names[0]} is gone"
    return f"segments {names[0]} to {names[-1]} are gone"


def _is_there(folder: Path, position: Position) -> bool:
    path = folder / position.segment
    # Housekeeping compresses a segment that is stored; a journal that was copied may have only that.
    return path.exists() or path.with_name(f"{path.name}.gz").exists()


def _cut_short(position: Position) -> Gap:
    where = f"segment {position.segment} is gone before it was read to its end"
    return Gap(position.producer, position.run_id, position.last_seq + 1, None, None, position.segment, True, where)
