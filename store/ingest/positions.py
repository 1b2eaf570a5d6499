"""The stored position in each segment of the journal, and a certificate of each producer's journal."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import duckdb

from tape.store.journal.segments import Segment


@dataclass
class Position:
    """How far a segment is stored: the columns of ``journal_segments``."""

    segment: str
    producer: str
    run_id: str
    number: int
    first_seq: int
    last_seq: int
    stored_batches: int
    refused_batches: int
    stored_events: int
    read_bytes: int
    read_lines: int
    is_finished: bool


def load_positions(connection: duckdb.DuckDBPyConnection) -> dict[str, Position]:
    """Return how far each segment is stored, by file name."""
    names = ", ".join(Position.__dataclass_fields__)
    rows = connection.execute(f"select {names} from journal_segments").fetchall()
    return {row[0]: Position(*row) for row in rows}


def save_positions(connection: duckdb.DuckDBPyConnection, positions: Iterable[Position]) -> None:
    """Save how far segments are stored; call it in the transaction that stores their rows."""
    for position in positions:
        values = {name: getattr(position, name) for name in Position.__dataclass_fields__}
        moved = [name for name in values if name not in ("segment", "producer", "run_id", "number", "first_seq")]
        sets = ", ".join(f"{name} = ${name}" for name in moved)
        # Updated, and inserted where there is none: a table without a key has no conflict that an insert could be bound
        # to.
        found = connection.execute(
            f"update journal_segments set {sets} where segment = $segment", {n: values[n] for n in [*moved, "segment"]}
        ).fetchone()
        if found is None or found[0] == 0:
            marks = ", ".join(f"${name}" for name in values)
            connection.execute(f"insert into journal_segments ({', '.join(values)}) values ({marks})", values)


def start_of(segment: Segment) -> Position:
    """Return the position of a segment of which nothing is stored."""
    return Position(
        segment=segment.path.name,
        producer=segment.producer,
        run_id=segment.run_id,
        number=segment.number,
        first_seq=segment.first_seq,
        last_seq=segment.first_seq - 1,
        stored_batches=0,
        refused_batches=0,
        stored_events=0,
        read_bytes=segment.data_offset,
        read_lines=1,
        is_finished=False,
    )


@dataclass(frozen=True)
class Certificate:
    """Batches of one producer: recorded, stored, refused (kept among the rejected), and missing."""

    producer: str
    runs: int
    recorded: int
    stored: int
    refused: int

    @property
    def gaps(self) -> int:
        return self.recorded - self.stored - self.refused

    def __str__(self) -> str:
        refused = f", refused {self.refused}" if self.refused else ""
        return f"{self.producer}: recorded 1..{self.recorded}, stored 1..{self.stored}{refused}, gaps {self.gaps}"


def damaged_ends(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Return the segments whose last line is damaged: the batch in it has no number that a later line would confirm."""
    rows = connection.execute(
        """
        select segment
        from journal_segments
        inner join rejected_events on source = segment and line = read_lines
        -- A torn line is not counted: its producer never had it recorded.
        where starts_with(reason, 'crc ')
        """
    ).fetchall()
    return [segment for (segment,) in rows]


def certificates(connection: duckdb.DuckDBPyConnection) -> list[Certificate]:
    """Return what the store knows of each producer's journal; read it after the backlog is stored."""
    rows = connection.execute(
        """
        with runs as (
            select
                producer,
                run_id,
                -- A damaged last line was a batch, of which no later number tells: it counts as recorded, so as a gap.
                max(last_seq + list_contains($damaged, segment)::bigint) as recorded,
                sum(stored_batches) as stored,
                sum(refused_batches) as refused,
            from journal_segments
            group by producer, run_id
        )

        select producer, count(*), sum(recorded)::bigint, sum(stored)::bigint, sum(refused)::bigint
        from runs
        group by producer
        order by producer
        """,
        {"damaged": damaged_ends(connection)},
    ).fetchall()
    return [Certificate(*row) for row in rows]
