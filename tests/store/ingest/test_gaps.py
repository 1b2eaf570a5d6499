"""gaps: what is missing of the journal, by name; positions are given, and what follows from them worked out by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tape.store.ingest.gaps import Gap, gaps
from tape.store.ingest.positions import Position, certificates, save_positions
from tests.conftest import AS_OF, GivenRows


def segment(number: int, first_seq: int, last_seq: int, run_id: str = "r", **other: Any) -> Position:
    """A segment read to its end, all of whose batches are stored unless given."""
    producer = other.pop("producer", "executor")
    given = {
        "stored_batches": last_seq - first_seq + 1,
        "refused_batches": 0,
        "stored_events": 0,
        "read_bytes": 100,
        "read_lines": last_seq - first_seq + 2,
        "is_finished": True,
        **other,
    }
    name = f"{producer}-{run_id}-{number:06d}.journal"
    return Position(name, producer, run_id, number, first_seq, last_seq, **given)


def gaps_of(store: GivenRows, *positions: Position, home: Path | None = None) -> list[Gap]:
    save_positions(store.connection, positions)
    return gaps(store.connection, home)


def test_a_run_that_is_stored_whole_has_no_gap(store: GivenRows) -> None:
    assert gaps(store.connection) == []
    assert gaps_of(store, segment(1, 1, 3), segment(2, 4, 4), segment(3, 5, 9)) == []


def test_a_run_without_its_first_segment_lacks_its_first_batches(store: GivenRows) -> None:
    (gap,) = gaps_of(store, segment(2, 4, 6))
    assert gap == Gap(
        producer="executor",
        run_id="r",
        first_seq=1,
        last_seq=3,
        count=3,
        segment="executor-r-000001.journal",
        is_gone=True,
        where="segment executor-r-000001.journal is gone",
    )
    assert str(gap) == "executor r: batches 1..3 missing: segment executor-r-000001.journal is gone"


def test_of_two_runs_of_one_producer_each_is_counted_from_its_own_first_batch(store: GivenRows) -> None:
    found = gaps_of(store, segment(1, 1, 5, "a"), segment(2, 3, 4, "b"))
    assert [str(gap) for gap in found] == [
        "executor b: batches 1..2 missing: segment executor-b-000001.journal is gone"
    ]
    assert [(each.runs, each.recorded, each.gaps) for each in certificates(store.connection)] == [(2, 9, 2)]


def test_one_run_id_of_two_producers_is_two_runs(store: GivenRows) -> None:
    found = gaps_of(store, segment(1, 1, 5), segment(2, 6, 6, producer="router"))
    assert [str(gap) for gap in found] == ["router r: batches 1..5 missing: segment router-r-000001.journal is gone"]


def test_runs_are_told_by_producer_and_run_whatever_order_they_were_stored_in(store: GivenRows) -> None:
    found = gaps_of(store, segment(2, 2, 2, "b"), segment(2, 2, 2, "a", producer="z"), segment(2, 2, 2, "a"))
    assert [(gap.producer, gap.run_id) for gap in found] == [("executor", "a"), ("executor", "b"), ("z", "a")]


def test_segments_are_taken_in_the_order_of_their_numbers_not_of_their_names(store: GivenRows) -> None:
    positions = [segment(number, number, number) for number in (1_000_000, 999_999)]
    (gap,) = gaps_of(store, *positions)
    assert (gap.first_seq, gap.last_seq, gap.count) == (1, 999_998, 999_998)


@pytest.mark.parametrize(
    ("first", "number", "where"),
    [
        (5, 3, "batch 4 missing: segment executor-r-000002.journal is gone"),
        (
            7,
            4,
            "batches 4..6 missing: segments executor-r-000002.journal to executor-r-000003.journal are gone",
        ),
    ],
)
def test_segments_that_are_gone_are_named_first_and_last(store: GivenRows, first: int, number: int, where: str) -> None:
    (gap,) = gaps_of(store, segment(1, 1, 3), segment(number, first, first))
    assert (str(gap), gap.is_gone, gap.segment) == (f"executor r: {where}", True, "executor-r-000002.journal")


def test_batches_between_two_segments_that_are_there_were_lost_at_the_end_of_the_first(store: GivenRows) -> None:
    (gap,) = gaps_of(store, segment(1, 1, 3), segment(2, 4, 5), segment(3, 8, 9))
    assert str(gap) == "executor r: batches 6..7 missing: they are not at the end of segment executor-r-000002.journal"
    assert (gap.is_gone, gap.segment, gap.count) == (False, "executor-r-000002.journal", 2)


def test_batches_within_a_segment_are_counted_but_not_told_apart(store: GivenRows) -> None:
    (gap,) = gaps_of(store, segment(1, 1, 1_500, stored_batches=1_490, refused_batches=3))
    assert str(gap) == (
        "executor r: 7 of the batches 1..1,500 missing: they are not in segment executor-r-000001.journal"
    )
    assert (gap.is_gone, gap.count) == (False, 7)


def test_a_refused_batch_is_no_gap(store: GivenRows) -> None:
    assert gaps_of(store, segment(1, 1, 3, stored_batches=1, refused_batches=2)) == []


def test_gaps_count_what_the_certificate_says_is_missing(store: GivenRows) -> None:
    positions = [
        segment(2, 3, 5, "a", stored_batches=2),
        segment(4, 9, 9, "a"),
        segment(1, 1, 1, "b", stored_batches=0, refused_batches=1),
        segment(3, 6, 7, "b", stored_batches=1),
    ]
    found = gaps_of(store, *positions)
    assert [(gap.run_id, gap.first_seq, gap.last_seq, gap.count) for gap in found] == [
        ("a", 1, 2, 2),
        ("a", 3, 5, 1),
        ("a", 6, 8, 3),
        ("b", 2, 5, 4),
        ("b", 6, 7, 1),
    ]
    (certificate,) = certificates(store.connection)
    assert (certificate.recorded, certificate.stored, certificate.refused, certificate.gaps) == (16, 4, 1, 11)


def reject_line(store: GivenRows, source: str, line: int, reason: str) -> None:
    store.connection.execute(
        "insert into rejected_events values (?, ?, ?, ?, ?, ?)", [f"{source}:{line}", AS_OF, source, line, reason, "x"]
    )


def test_the_damaged_last_line_of_a_run_is_a_batch_behind_its_last(store: GivenRows) -> None:
    name = "executor-r-000002.journal"
    reject_line(store, name, 3, "crc 8f3a22b1, expected 0c11d0aa")
    (gap,) = gaps_of(store, segment(1, 1, 4), segment(2, 5, 5, read_lines=3))
    assert gap == Gap("executor", "r", 6, 6, 1, name, False, f"it is the damaged end of segment {name}")
    (certificate,) = certificates(store.connection)
    assert (certificate.recorded, certificate.gaps) == (6, 1)


@pytest.mark.parametrize(("line", "reason"), [(2, "crc 8f3a22b1, expected 0c11d0aa"), (3, "line ends too early")])
def test_a_damaged_line_that_others_follow_or_that_was_torn_is_no_batch_behind_the_last(
    store: GivenRows, line: int, reason: str
) -> None:
    reject_line(store, "executor-r-000001.journal", line, reason)
    assert gaps_of(store, segment(1, 1, 1, read_lines=3)) == []


def test_a_damaged_end_of_a_segment_that_another_follows_is_counted_once(store: GivenRows) -> None:
    reject_line(store, "executor-r-000001.journal", 3, "crc 8f3a22b1, expected 0c11d0aa")
    (gap,) = gaps_of(store, segment(1, 1, 1, read_lines=3), segment(2, 3, 3))
    assert str(gap) == "executor r: batch 2 missing: they are not at the end of segment executor-r-000001.journal"


def test_a_segment_that_is_gone_before_its_end_is_told_where_a_home_is_looked_at(
    store: GivenRows, tmp_path: Path
) -> None:
    journal = tmp_path / "logs" / "journal"
    journal.mkdir(parents=True, exist_ok=True)
    (journal / "executor-b-000001.journal").touch()
    (journal / "executor-c-000001.journal.gz").touch()
    open_ones = [segment(1, 1, 2, run_id, is_finished=False) for run_id in "abc"]
    found = gaps_of(store, *open_ones, segment(1, 1, 2, "d"), home=tmp_path)
    assert [str(gap) for gap in found] == [
        "executor a: whatever followed batch 2 missing:"
        " segment executor-a-000001.journal is gone before it was read to its end"
    ]
    assert (found[0].first_seq, found[0].last_seq, found[0].count, found[0].is_gone) == (3, None, None, True)
    assert gaps(store.connection) == []
