"""Positions and certificates: how far segments are stored, and what the store can certify of each producer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tape.store.ingest.positions import (
    Certificate,
    certificates,
    damaged_ends,
    load_positions,
    save_positions,
    start_of,
)
from tape.store.journal.segments import Segment
from tests.conftest import AS_OF, GivenRows
from tests.store.ingest.test_gaps import segment


def test_the_start_of_a_segment_is_behind_its_header_and_before_its_first_batch(tmp_path: Path) -> None:
    path = tmp_path / "executor-r-000003.journal"
    start = start_of(Segment(path, "executor", "r", "h", 41, 3, 17, 120))
    assert (start.segment, start.producer, start.run_id, start.number) == (path.name, "executor", "r", 3)
    assert (start.first_seq, start.last_seq, start.read_bytes, start.read_lines) == (17, 16, 120, 1)
    assert (start.stored_batches, start.refused_batches, start.stored_events, start.is_finished) == (0, 0, 0, False)


def test_positions_come_back_as_they_were_saved_and_moved(store: GivenRows) -> None:
    first, second = segment(1, 1, 3, stored_events=7), segment(2, 4, 4, "q", producer="router", is_finished=False)
    save_positions(store.connection, [first, second])
    assert load_positions(store.connection) == {first.segment: first, second.segment: second}
    moved = replace(
        second, last_seq=9, stored_batches=4, refused_batches=2, stored_events=8, read_bytes=500, read_lines=9,
        is_finished=True,
    )  # fmt: skip
    save_positions(store.connection, [moved])
    assert load_positions(store.connection) == {first.segment: first, second.segment: moved}


def test_a_certificate_sums_the_runs_of_a_producer_and_takes_the_last_batch_of_each(store: GivenRows) -> None:
    save_positions(
        store.connection,
        [segment(1, 1, 3, "a"), segment(2, 4, 9, "a", stored_batches=4, refused_batches=1), segment(1, 1, 2, "b")],
    )
    assert certificates(store.connection) == [Certificate("executor", 2, 11, 9, 1)]


def test_producers_are_certified_by_name(store: GivenRows) -> None:
    save_positions(store.connection, [segment(1, 1, 1, producer=name) for name in ("z", "a", "m")])
    assert [each.producer for each in certificates(store.connection)] == ["a", "m", "z"]
    assert certificates(store.connection)[0].gaps == 0


def test_a_certificate_says_its_numbers_in_words() -> None:
    assert str(Certificate("x", 1, 10, 8, 1)) == "x: recorded 1..10, stored 1..8, refused 1, gaps 1"
    assert str(Certificate("x", 1, 10, 10, 0)) == "x: recorded 1..10, stored 1..10, gaps 0"


def test_only_the_last_line_of_a_segment_with_a_wrong_checksum_is_a_damaged_end(store: GivenRows) -> None:
    save_positions(store.connection, [segment(1, 1, 1, run, read_lines=3) for run in "abc"])
    for run, line, reason in (("a", 3, "crc 0, expected 1"), ("b", 2, "crc 0, expected 1"), ("c", 3, "torn")):
        name = f"executor-{run}-000001.journal"
        store.connection.execute(
            "insert into rejected_events values ('x', ?, ?, ?, ?, '')", [AS_OF, name, line, reason]
        )
    assert damaged_ends(store.connection) == ["executor-a-000001.journal"]
