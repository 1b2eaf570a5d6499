"""The journal keeps what was recorded, says what it could not keep, and reads back what was written."""

from __future__ import annotations

import errno
import fcntl
import logging
import math
import os
import stat
import subprocess
import sys
import threading
from collections import OrderedDict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import Any
from zlib import crc32

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tape.store.journal.writer
from tape.execution.events import (
    Event,
    EventRefused,
    HeartbeatSent,
    MarkObserved,
    OrderFilled,
    Ticked,
)
from tape.execution.values import LARGEST
from tape.store.durable import sync_folder
from tape.store.journal.segments import (
    REFUSED,
    JournalError,
    Line,
    is_finished,
    journal_folder,
    read_header,
    read_lines,
    segment_paths,
)
from tape.store.journal.writer import Journal
from tests.divided import examples

NOON = datetime(2025, 11, 1, 12, tzinfo=UTC)
ALL = 1 << 30
REAL_WRITE = os.write


def beat(service: str = "executor", **more: Any) -> HeartbeatSent:
    return HeartbeatSent(ts=NOON, service=service, **more)


def only_segment(home: Path) -> Path:
    (path,) = segment_paths(journal_folder(home))
    return path


def lines_of(path: Path) -> list[Line]:
    return list(read_lines(path, read_header(path).data_offset, 2, ALL))


def all_lines(home: Path) -> list[Line]:
    return [line for path in segment_paths(journal_folder(home)) for line in lines_of(path)]


def recorded(home: Path) -> list[Any]:
    """Every event of a home's journal: type and fields."""
    found: list[Any] = []
    for line in all_lines(home):
        assert not line.fault
        found += line.items
    return found


def fields_of_one(home: Path, event: Event) -> dict[str, Any]:
    """What stands in the journal of the only event recorded."""
    with Journal(home, "executor") as journal:
        journal.record([event])
    ((_, fields),) = recorded(home)
    assert isinstance(fields, dict)
    return fields


# --- layout ---


def test_the_layout_is_the_one_its_docstring_states(tmp_path: Path) -> None:
    with Journal(tmp_path, "executor", run_id="run.1") as journal:
        journal.record([beat(), beat("router")])
    path = only_segment(tmp_path)
    assert path == tmp_path / "logs" / "journal" / "executor-run.1-000001.journal"
    header, batch = path.read_bytes().splitlines()
    magic, crc, body = header.split(b" ", 2)
    assert (magic, crc) == (b"TAPE1", b"%08x" % crc32(body))
    assert orjson.loads(body).keys() == {"producer", "run_id", "hostname", "pid", "segment", "first_seq"}
    crc, body = batch.split(b" ", 1)
    assert crc == b"%08x" % crc32(body)
    seq, recorded_us, items = body.split(b" ", 2)
    assert seq == b"1"
    assert abs(datetime.fromtimestamp(int(recorded_us) / 1e6, UTC) - datetime.now(UTC)) < timedelta(minutes=5)
    first = {
        "event_id": "run.1-1",
        "ts": "2025-11-01T12:00:00+00:00",
        "is_test": False,
        "service": "executor",
    }
    second = {**first, "event_id": "run.1-2", "service": "router"}
    assert orjson.loads(items) == [["heartbeat", first], ["heartbeat", second]]


def test_a_header_says_whose_segment_it_is(tmp_path: Path) -> None:
    with Journal(tmp_path, "executor", run_id="r"):
        segment = read_header(only_segment(tmp_path))
    assert (segment.producer, segment.run_id, segment.number, segment.first_seq) == ("executor", "r", 1, 1)
    assert (segment.pid, segment.hostname) == (os.getpid(), os.uname().nodename)


TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
INSTANTS = st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
NUMBERS = st.floats(-LARGEST, LARGEST)
EVENTS = st.one_of(
    st.builds(Ticked, ts=INSTANTS, equity_usd=st.none() | NUMBERS, position_count=st.none() | st.integers(0, 99)),
    st.builds(MarkObserved, ts=INSTANTS, symbol=TEXT, mark_price=NUMBERS, note=JSON),
    st.builds(HeartbeatSent, ts=INSTANTS, service=TEXT, is_test=st.booleans(), über=JSON),
    st.builds(
        OrderFilled,
        ts=INSTANTS,
        ts_fill_first=INSTANTS,
        trade_ids=st.lists(JSON, max_size=3),
        **dict.fromkeys(("symbol", "side", "order_id", "client_order_id", "fee_asset", "status"), TEXT),
        **dict.fromkeys(("executed_qty", "avg_price", "fee_total"), NUMBERS),
    ),
)


@settings(deadline=None, max_examples=examples(60))
@given(st.lists(st.lists(EVENTS, max_size=5), max_size=8), st.integers(1, 2000))
def test_any_batches_are_read_back_equal_whatever_the_size_of_segments(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[Event]], segment_bytes: int
) -> None:
    home = tmp_path_factory.mktemp("home")
    with Journal(home, "executor", segment_bytes=segment_bytes) as journal:
        for batch in batches:
            journal.record(batch)
    given_batches = [batch for batch in batches if batch]
    read = all_lines(home)
    assert [line.seq for line in read] == list(range(1, len(given_batches) + 1))
    for batch, line in zip(given_batches, read, strict=True):
        items = line.items or []
        assert [kind for kind, _ in items] == [event.event_type for event in batch]
        for event, (_, fields) in zip(batch, items, strict=True):
            if event.by_content:
                assert "event_id" not in fields
            else:
                assert fields.pop("event_id").startswith(f"{journal.run_id}-")
            again = type(event).model_validate(fields)
            assert {**again.__dict__, **(again.model_extra or {})} == {**event.__dict__, **(event.model_extra or {})}


def test_batches_are_numbered_from_one_and_an_empty_one_is_none(tmp_path: Path) -> None:
    with Journal(tmp_path, "executor") as journal:
        assert [journal.record([beat()]), journal.record([]), journal.record(iter([beat(), beat()]))] == [1, 0, 2]
        assert (journal.recorded, journal.recorded_events, journal.dropped) == (2, 3, 0)
    assert [line.seq for line in all_lines(tmp_path)] == [1, 2]


def test_event_ids_are_given_where_they_are_missing_and_kept_where_not(tmp_path: Path) -> None:
    with Journal(tmp_path, "executor", run_id="r") as journal:
        journal.record([beat(), beat(event_id="mine"), beat()])
    assert [fields["event_id"] for _, fields in recorded(tmp_path)] == ["r-1", "mine", "r-2"]


def test_a_full_segment_is_followed_by_the_next_and_numbers_go_on(tmp_path: Path) -> None:
    with Journal(tmp_path, "executor", run_id="r", segment_bytes=600) as journal:
        for _ in range(20):
            journal.record([beat()])
    paths = segment_paths(journal_folder(tmp_path))
    assert len(paths) > 3
    headers = [read_header(path) for path in paths]
    assert [header.number for header in headers] == list(range(1, len(paths) + 1))
    assert [header.first_seq for header in headers] == [lines_of(path)[0].seq for path in paths]
    assert [line.seq for line in all_lines(tmp_path)] == list(range(1, 21))
    longest = max(len(line.raw) + 1 for line in all_lines(tmp_path))
    assert all(path.stat().st_size < 600 + longest for path in paths)


def test_segments_are_private_to_their_user(tmp_path: Path) -> None:
    with Journal(tmp_path, "executor", segment_bytes=1) as journal:
        journal.record([beat()])
        journal.record([beat()])
    assert stat.S_IMODE(journal_folder(tmp_path).stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in journal_folder(tmp_path).iterdir()} == {0o600}


def test_a_segment_has_its_name_only_when_its_header_and_lock_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed: list[tuple[list[Path], list[str]]] = []

    def write(fd: int, line: bytes) -> int:
        folder = journal_folder(tmp_path)
        listed.append((segment_paths(folder), [path.name for path in folder.iterdir()]))
        return REAL_WRITE(fd, line)

    monkeypatch.setattr(os, "write", write)
    with Journal(tmp_path, "executor", run_id="r"):
        assert listed == [([], [".executor-r-000001.journal"])]
        assert not is_finished(only_segment(tmp_path))
        assert [path.name for path in journal_folder(tmp_path).iterdir()] == ["executor-r-000001.journal"]


@pytest.mark.parametrize("name", ["", "a-b", "../up", "a/b", "a b", ".hidden", "é", "x" * 65, "a\n"])
def test_a_producer_or_run_that_is_no_plain_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="producer: expected letters"):
        Journal(tmp_path, name)
    if name:
        with pytest.raises(ValueError, match="run_id: expected letters"):
            Journal(tmp_path, "executor", run_id=name)
    assert list(tmp_path.iterdir()) == []


def test_a_run_id_that_is_taken_is_refused_and_what_it_recorded_stays(tmp_path: Path) -> None:
    with Journal(tmp_path, "executor", run_id="r") as journal:
        journal.record([beat()])
    before = only_segment(tmp_path).read_bytes()
    with pytest.raises(JournalError, match="File exists"):
        Journal(tmp_path, "executor", run_id="r")
    assert [path.read_bytes() for path in journal_folder(tmp_path).iterdir()] == [before]


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file")
    with pytest.raises(JournalError, match="cannot create a segment"):
        Journal(tmp_path, "executor")


def test_a_closed_journal_records_nothing_more(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "executor")
    journal.record([beat()])
    journal.close()
    journal.close()
    with pytest.raises(JournalError, match="closed"):
        journal.record([beat()])
    journal.sync()
    assert len(all_lines(tmp_path)) == 1


# --- what fields may hold ---


def test_what_has_no_field_is_kept_at_any_depth(tmp_path: Path) -> None:
    fields = fields_of_one(tmp_path, beat(maker=True, detail={"a": [1, {"b": None}]}, none=None))
    assert (fields["maker"], fields["detail"], fields["none"]) == (True, {"a": [1, {"b": None}]}, None)


def test_an_extra_never_takes_the_place_of_a_field(tmp_path: Path) -> None:
    tick = Ticked.model_validate({"t": 0, "equity": 1.0, "equity_usd": 2.0, "ts": "2020-01-01T00:00:00Z"})
    fields = fields_of_one(tmp_path, tick)
    assert (fields["equity_usd"], fields["ts"]) == (1.0, "1970-01-01T00:00:00+00:00")


class Price(float):
    """As some runtimes have them."""


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (math.nan, None),
        (-math.inf, None),
        ([1.5, math.nan], [1.5, None]),
        (2**64 - 1, 2**64 - 1),
        (2**64, "18446744073709551616"),
        ({"big": -(2**63) - 1, "nan": math.nan}, {"big": "-9223372036854775809", "nan": None}),
        ("a\ud800b", "a?b"),
        ({"\udfff": ["\ud800"]}, {"?": ["?"]}),
        ("a\0\r\n\u2028b", "a\0\r\n\u2028b"),
        ({1: "a", ("b", 2): "c"}, {"1": "a", "('b', 2)": "c"}),
        (OrderedDict(a=1), {"a": 1}),
        (MappingProxyType({"a": 1}), {"a": 1}),
        ({"a"}, ["a"]),
        ((1, 2), [1, 2]),
        (Price(1.5), 1.5),
        (Decimal("1.50"), "1.50"),
        (timedelta(seconds=1), "0:00:01"),
        (NOON, "2025-11-01T12:00:00+00:00"),
        (NOON.replace(tzinfo=None), "2025-11-01T12:00:00+00:00"),
        ("x" * 2_000_000, "x" * 2_000_000),
    ],
)
def test_odd_values_are_kept_as_json_that_can_be_read(tmp_path: Path, value: Any, kept: Any) -> None:
    assert fields_of_one(tmp_path, beat(odd=value, plain=1))["odd"] == kept


def test_numpy_values_are_kept_as_numbers_and_lists(tmp_path: Path) -> None:
    numpy = pytest.importorskip("numpy")
    fields = fields_of_one(
        tmp_path,
        beat(
            number=numpy.float64(1.5),
            count=numpy.int64(2),
            flag=numpy.bool_(True),
            row=numpy.arange(6)[::2],
            mixed=numpy.array([1, "a"], dtype=object),
        ),
    )
    assert (fields["number"], fields["count"], fields["flag"]) == (1.5, 2, True)
    assert (fields["row"], fields["mixed"]) == ([0, 2, 4], [1, "a"])


def nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {"end": 1}
    for _ in range(levels):
        value = {"in": value}
    return value


def test_nesting_without_end_is_cut_off_and_the_rest_is_kept(tmp_path: Path) -> None:
    circle: dict[str, Any] = {"plain": 1}
    circle["again"] = circle["and again"] = circle
    with Journal(tmp_path, "executor") as journal:
        journal.record([beat(odd=circle), beat(odd=nested(5000)), beat(odd=nested(200))])
    first, second, third = (fields["odd"] for _, fields in recorded(tmp_path))
    assert first == {"plain": 1, "again": "<dict: nested too deeply>", "and again": "<dict: nested too deeply>"}
    assert b"nested too deeply" in orjson.dumps(second)
    assert third == nested(200)


# --- write_event ---


def test_a_dictionary_of_the_contract_is_recorded_as_its_event(tmp_path: Path) -> None:
    with Journal(tmp_path, "executor", run_id="r") as journal:
        assert journal.write_event("tick", {"t": 0, "equity": "7.5", "note": "x"}, durable=True) == 1
    assert recorded(tmp_path) == [
        [
            "tick",
            {
                "ts": "1970-01-01T00:00:00+00:00",
                "is_test": False,
                "equity_usd": 7.5,
                "nav_usd": 7.5,
                "note": "x",
                "event_id": "r-1",
            },
        ]
    ]


@pytest.mark.parametrize(
    ("event_type", "payload", "message"),
    [
        ("heartbeat", {"ts": 0}, "heartbeat: service: expected text, found nothing"),
        ("tick", {"t": 0, "equity": "much", "odd": [1]}, "tick: equity: expected a number, found 'much'"),
        ("tock", {"t": 0}, "tock: event_type: expected one of tick, "),
    ],
)
def test_a_refused_payload_is_raised_by_field_and_kept_in_the_journal(
    tmp_path: Path, event_type: str, payload: dict[str, Any], message: str
) -> None:
    with Journal(tmp_path, "executor") as journal:
        with pytest.raises(EventRefused) as refused:
            journal.write_event(event_type, payload)
        assert journal.write_event("heartbeat", {"ts": 0, "service": "s"}) == 2
    assert str(refused.value).startswith(message)
    kept, _ = recorded(tmp_path)
    assert kept == [REFUSED, {"event_type": event_type, "reason": str(refused.value), "payload": payload}]


# --- damage ---


@pytest.fixture
def three_batches(tmp_path: Path) -> Path:
    """A segment of three batches whose writer is done."""
    with Journal(tmp_path, "executor") as journal:
        for _ in range(3):
            journal.record([beat("MMMM")])
    return only_segment(tmp_path)


def test_a_torn_last_line_is_not_read(three_batches: Path) -> None:
    whole = three_batches.read_bytes()
    ends = [line.end for line in lines_of(three_batches)]
    for size in range(ends[1], ends[2]):
        three_batches.write_bytes(whole[:size])
        assert [line.seq for line in lines_of(three_batches)] == [1, 2]


def test_a_flipped_bit_is_a_fault_that_names_its_checksum_and_spares_the_rest(three_batches: Path) -> None:
    whole = three_batches.read_bytes()
    first, second, _ = lines_of(three_batches)
    for at in range(first.end, second.end - 1):
        for bit in range(8):
            flipped = bytearray(whole)
            flipped[at] ^= 1 << bit
            three_batches.write_bytes(flipped)
            lines = lines_of(three_batches)
            assert (lines[0].seq, lines[-1].seq) == (1, 3), (at, bit)
            damaged = lines[1:-1]
            assert len(damaged) == (2 if flipped[at] == ord("\n") else 1)
            assert all(line.fault.startswith("crc ") and ", expected " in line.fault for line in damaged)
            assert b"\n".join(line.raw for line in damaged) == flipped[first.end : second.end - 1]


@pytest.mark.parametrize("body", [b"", b"1", b"1 2", b"x 2 []", b"1 x []", b"9999999999999999999 1 []"])
def test_a_line_with_a_right_checksum_and_no_batch_is_a_fault(three_batches: Path, body: bytes) -> None:
    with three_batches.open("ab") as file:
        file.write(b"%08x %b\n" % (crc32(body), body))
    *_, last = lines_of(three_batches)
    assert (last.number, last.fault[:11]) == (5, "expected a ")


@pytest.mark.parametrize("limit", [1, 100, 250, ALL])
def test_a_slice_ends_behind_a_whole_line_and_holds_at_least_one(three_batches: Path, limit: int) -> None:
    at, number, found = read_header(three_batches).data_offset, 2, []
    while lines := list(read_lines(three_batches, at, number, limit)):
        at, number = lines[-1].end, lines[-1].number + 1
        found += [(line.number, line.seq) for line in lines]
    assert found == [(2, 1), (3, 2), (4, 3)]


def damaged_headers() -> Iterator[bytes]:
    def header(body: bytes) -> bytes:
        return b"TAPE1 %08x %b\n" % (crc32(body), body)

    yield b""
    yield b"TAPE1 "
    yield b"\0" * 500
    yield b"TAPE1 00000000 {}\n"
    yield header(b"{}")
    yield header(b"[1]")
    yield header(b"{")
    yield header(b'{"producer":"a","run_id":"r","hostname":"h","pid":[],"segment":1,"first_seq":1}')
    yield header(b'{"producer":"a","run_id":"r","hostname":"h","pid":1,"segment":1,"first_seq":1}')[:-1]


@pytest.mark.parametrize("damaged", list(damaged_headers()))
def test_a_damaged_header_is_refused_by_name(tmp_path: Path, damaged: bytes) -> None:
    path = tmp_path / "a-r-000001.journal"
    path.write_bytes(damaged)
    with pytest.raises(JournalError, match=r"segment a-r-000001\.journal: line 1: expected a header, found"):
        read_header(path)


def test_a_copy_under_another_name_is_refused(three_batches: Path) -> None:
    copy = three_batches.with_name(three_batches.name.replace("000001", "000002"))
    copy.write_bytes(three_batches.read_bytes())
    with pytest.raises(JournalError, match=f"expected its own header, found that of {three_batches.name}"):
        read_header(copy)


def test_only_segments_are_listed_and_a_missing_folder_has_none(three_batches: Path) -> None:
    for other in (".hidden.journal", "executor-r-000001.journal.zst", "notes.txt"):
        three_batches.with_name(other).touch()
    assert segment_paths(three_batches.parent) == [three_batches]
    assert segment_paths(three_batches.parent / "missing") == []


def test_a_folder_that_cannot_be_read_is_an_error_and_not_an_empty_one(three_batches: Path) -> None:
    with pytest.raises(NotADirectoryError):
        segment_paths(three_batches)


# --- writers that end ---


def test_a_segment_is_finished_when_its_writer_is_done_with_it(tmp_path: Path) -> None:
    with Journal(tmp_path, "executor", segment_bytes=1) as journal:
        journal.record([beat()], durable=True)
        journal.record([beat()], durable=True)
        *_, first, second = segment_paths(journal_folder(tmp_path))
        assert (is_finished(first), is_finished(second)) == (True, False)
    assert is_finished(second)


RECORDS_FOR_EVER = """
import os, sys
from datetime import UTC, datetime
from tape.execution.events import HeartbeatSent
from tape.store.journal.writer import Journal

assert "numpy" not in sys.modules
journal = Journal(sys.argv[1], "child", segment_bytes=5000)
while True:
    seq = journal.record([HeartbeatSent(ts=datetime.now(UTC), service="s")] * 3)
    os.write(1, b"%d\\n" % seq)
"""


def test_batches_whose_recording_returned_survive_sigkill(tmp_path: Path) -> None:
    for home in (tmp_path / "a", tmp_path / "b", tmp_path / "c"):
        with subprocess.Popen(
            [sys.executable, "-c", RECORDS_FOR_EVER, str(home)], stdout=subprocess.PIPE, cwd=Path(__file__).parents[3]
        ) as child:
            assert child.stdout is not None
            for _ in range(100):
                child.stdout.readline()
            assert not is_finished(segment_paths(journal_folder(home))[-1])
            child.kill()
            told = child.stdout.read().split(b"\n")
        acknowledged = 100 + len([each for each in told[:-1] if each])
        assert child.returncode == -9
        lines = all_lines(home)
        assert [line.seq for line in lines] == list(range(1, len(lines) + 1))
        assert len(lines) in (acknowledged, acknowledged + 1)
        assert all(not line.fault and len(line.items or []) == 3 for line in lines)
        assert all(is_finished(path) for path in segment_paths(journal_folder(home)))


def test_a_forked_child_is_refused_and_leaves_its_parents_segment_alone(tmp_path: Path) -> None:
    with Journal(tmp_path, "executor") as journal:
        journal.record([beat()])
        pid = os.fork()
        if pid == 0:
            told = 1
            try:
                journal.close()
                for use in (journal.sync, lambda: journal.record([beat()])):
                    with pytest.raises(JournalError, match="used by"):
                        use()
                told = 0
            finally:
                os._exit(told)
        assert os.waitpid(pid, 0)[1] == 0
        assert not is_finished(only_segment(tmp_path))
        assert journal.record([beat()], durable=True) == 2
    assert [line.seq for line in all_lines(tmp_path)] == [1, 2]


def test_a_living_child_does_not_keep_its_parents_segment_unfinished(tmp_path: Path) -> None:
    ready, done = os.pipe(), os.pipe()
    journal = Journal(tmp_path, "executor")
    pid = os.fork()
    if pid == 0:
        os.close(done[1])
        os.write(ready[1], b"x")
        os.read(done[0], 1)
        os._exit(0)
    os.read(ready[0], 1)
    journal.close()
    assert is_finished(only_segment(tmp_path))
    os.close(done[1])
    os.waitpid(pid, 0)


def test_threads_that_record_at_once_get_numbers_without_gaps(tmp_path: Path) -> None:
    given_out: list[list[int]] = [[] for _ in range(4)]
    with Journal(tmp_path, "executor", segment_bytes=4000) as journal:

        def record(numbers: list[int], name: str) -> None:
            numbers.extend(journal.record([beat(name), beat(name)], durable=n % 10 == 0) for n in range(50))

        threads = [threading.Thread(target=record, args=(numbers, f"t{n}")) for n, numbers in enumerate(given_out)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    lines = all_lines(tmp_path)
    assert [line.seq for line in lines] == sorted(chain.from_iterable(given_out)) == list(range(1, 201))
    wrote = {line.seq: {fields["service"] for _, fields in line.items or []} for line in lines}
    assert all(wrote[seq] == {f"t{n}"} for n, numbers in enumerate(given_out) for seq in numbers)
    assert len({fields["event_id"] for _, fields in recorded(tmp_path)}) == 400


# --- writes that fail ---


class Disk:
    """``os.write`` that fails as told: with an error, or after some bytes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.fault: OSError | KeyboardInterrupt | int | None = None
        monkeypatch.setattr(os, "write", self._write)

    def _write(self, fd: int, line: bytes) -> int:
        if self.fault is None:
            return REAL_WRITE(fd, line)
        if isinstance(self.fault, int):
            return REAL_WRITE(fd, line[: self.fault])
        if isinstance(self.fault, KeyboardInterrupt):
            REAL_WRITE(fd, line)
        raise self.fault


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


FAULTS = pytest.mark.parametrize("fault", [OSError(errno.ENOSPC, "No space left on device"), 0, 1, 40])


@FAULTS
def test_a_failed_write_is_raised_leaves_no_half_line_and_does_not_use_up_its_number(
    tmp_path: Path, disk: Disk, fault: OSError | int
) -> None:
    with Journal(tmp_path, "executor") as journal:
        journal.record([beat("before")])
        whole = only_segment(tmp_path).read_bytes()
        disk.fault = fault
        for _ in range(2):
            with pytest.raises(JournalError, match=r"journal of executor: batch 2 is not written: .*(space|bytes)"):
                journal.record([beat("lost")])
        assert only_segment(tmp_path).read_bytes() == whole
        disk.fault = None
        assert journal.record([beat("after")], durable=True) == 2
        assert (journal.recorded, journal.recorded_events, journal.dropped) == (2, 2, 0)
    assert [fields["service"] for _, fields in recorded(tmp_path)] == ["before", "after"]


@FAULTS
def test_a_dropped_batch_is_counted_and_its_number_stays_missing(
    tmp_path: Path, disk: Disk, fault: OSError | int
) -> None:
    with Journal(tmp_path, "executor", on_error="drop") as journal:
        journal.record([beat("before")])
        disk.fault = fault
        assert [journal.record([beat("lost")], durable=True) for _ in range(2)] == [0, 0]
        journal.sync()
        disk.fault = None
        assert journal.record([beat("after")]) == 4
        assert (journal.recorded, journal.dropped) == (2, 2)
    assert [line.seq for line in all_lines(tmp_path)] == [1, 4]


def test_half_a_line_that_cannot_be_taken_back_ends_its_segment(
    tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ftruncate(fd: int, size: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with Journal(tmp_path, "executor") as journal:
        journal.record([beat()])
        monkeypatch.setattr(os, "ftruncate", ftruncate)
        disk.fault = 20
        with pytest.raises(JournalError, match="20 of"):
            journal.record([beat()])
        disk.fault = None
        assert journal.record([beat()]) == 2
    first, second = segment_paths(journal_folder(tmp_path))
    assert ([line.seq for line in lines_of(first)], [line.seq for line in lines_of(second)]) == ([1], [2])
    assert read_header(second).first_seq == 2


def test_a_next_segment_that_cannot_be_made_is_raised_and_made_later(tmp_path: Path, disk: Disk) -> None:
    with Journal(tmp_path, "executor", segment_bytes=1) as journal:
        journal.record([beat()])
        before = list(journal_folder(tmp_path).iterdir())
        disk.fault = OSError(errno.ENOSPC, "No space left on device")
        with pytest.raises(JournalError, match=r"batch 2 is not written: .*No space"):
            journal.record([beat()])
        assert list(journal_folder(tmp_path).iterdir()) == before
        disk.fault = None
        assert journal.record([beat()]) == 2
    assert [line.seq for line in all_lines(tmp_path)] == [1, 2]


def test_an_interrupt_in_a_write_does_not_give_its_number_out_twice_or_cut_what_follows(
    tmp_path: Path, disk: Disk
) -> None:
    with Journal(tmp_path, "executor") as journal:
        journal.record([beat("before")])
        disk.fault = KeyboardInterrupt()
        with pytest.raises(KeyboardInterrupt):
            journal.record([beat("interrupted")])
        disk.fault = None
        assert journal.record([beat("after")]) == 3
        disk.fault = 10
        with pytest.raises(JournalError):
            journal.record([beat("lost")])
        disk.fault = None
    assert [line.seq for line in all_lines(tmp_path)] == [1, 2, 3]
    assert [fields["service"] for _, fields in recorded(tmp_path)] == ["before", "interrupted", "after"]


# --- syncs ---


class Syncs:
    """``os.fdatasync`` that is counted, and fails as long as it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.is_failing = False
        self.sizes: list[int] = []
        self._real = os.fdatasync
        monkeypatch.setattr(os, "fdatasync", self._sync)

    def _sync(self, fd: int) -> None:
        if self.is_failing:
            raise OSError(errno.EIO, "Input/output error")
        self.sizes.append(os.fstat(fd).st_size)
        self._real(fd)


@pytest.fixture
def syncs(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Syncs:
    caplog.set_level(logging.CRITICAL)
    return Syncs(monkeypatch)


def test_durable_returns_when_a_sync_has_covered_the_batch(tmp_path: Path, syncs: Syncs) -> None:
    with Journal(tmp_path, "executor", fsync_every_s=3600) as journal:
        for _ in range(3):
            journal.record([beat()])
            journal.record([beat()], durable=True)
            assert syncs.sizes[-1] == only_segment(tmp_path).stat().st_size


def test_a_batch_is_synced_without_being_waited_for(tmp_path: Path, syncs: Syncs) -> None:
    with Journal(tmp_path, "executor", fsync_every_s=0.001) as journal:
        journal.record([beat()])
        size = only_segment(tmp_path).stat().st_size
        while size not in syncs.sizes:
            threading.Event().wait(0.001)


def test_closing_syncs_the_last_segment(tmp_path: Path, syncs: Syncs) -> None:
    with Journal(tmp_path, "executor", fsync_every_s=3600) as journal:
        journal.record([beat()])
    assert syncs.sizes[-1] == only_segment(tmp_path).stat().st_size


def test_a_failed_sync_is_told_to_who_waits_and_ends_the_segment(tmp_path: Path, syncs: Syncs) -> None:
    with Journal(tmp_path, "executor", fsync_every_s=3600) as journal:
        journal.record([beat()], durable=True)
        syncs.is_failing = True
        with pytest.raises(JournalError, match=r"batch 2 is written, but not synced: .*Input/output error"):
            journal.record([beat()], durable=True)
        syncs.is_failing = False
        assert journal.record([beat()], durable=True) == 3
        first, second = segment_paths(journal_folder(tmp_path))
    assert ([line.seq for line in lines_of(first)], [line.seq for line in lines_of(second)]) == ([1, 2], [3])


def test_sync_tells_of_a_failure_since_the_last_one_and_once(tmp_path: Path, syncs: Syncs) -> None:
    with Journal(tmp_path, "executor", fsync_every_s=3600) as journal:
        journal.record([beat()])
        syncs.is_failing = True
        with pytest.raises(JournalError, match="batch 2 is written"):
            journal.record([beat()], durable=True)
        syncs.is_failing = False
        journal.record([beat()], durable=True)
        with pytest.raises(JournalError, match="batch 2 is written, but not synced"):
            journal.sync()
        journal.sync()


def test_each_failure_is_told_also_where_syncs_between_them_worked(tmp_path: Path, syncs: Syncs) -> None:
    with Journal(tmp_path, "executor", fsync_every_s=3600) as journal:
        for number in range(1, 6):
            syncs.is_failing = number in (2, 4)
            with pytest.raises(JournalError) if syncs.is_failing else nullcontext():
                journal.record([beat()], durable=True)
        with pytest.raises(JournalError, match="batch 2 is written, but not synced"):
            journal.sync()


def test_a_batch_behind_a_failed_sync_of_the_folder_waits_for_one_that_works(
    tmp_path: Path, syncs: Syncs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Written into the same segment while the sync of its name fails."""
    told: list[str] = []
    begun, is_over = threading.Event(), threading.Event()

    def sync(folder: Path) -> None:
        if not begun.is_set():
            begun.set()
            is_over.wait()
            told.append("not synced")
            raise OSError(errno.EIO, "Input/output error")
        sync_folder(folder)
        told.append("synced")

    def record() -> None:
        with suppress(JournalError):
            told.append(f"{journal.record([beat()], durable=True)} is durable")

    with Journal(tmp_path, "executor", fsync_every_s=3600) as journal:
        monkeypatch.setattr(tape.store.journal.writer, "sync_folder", sync)
        with ThreadPoolExecutor(2) as threads:
            threads.submit(record)
            begun.wait()
            threads.submit(record)
            while journal.recorded < 2:
                threading.Event().wait(0.001)
            is_over.set()
    assert told == ["not synced", "synced", "2 is durable"]


def test_a_failed_close_of_a_file_does_not_end_the_syncing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.close
    failed: list[int] = []

    def close(fd: int) -> None:
        is_file = stat.S_ISREG(os.fstat(fd).st_mode)
        real(fd)
        if is_file and threading.current_thread().name == "journal-fsync" and not failed:
            failed.append(fd)
            raise OSError(errno.EIO, "Input/output error")

    with Journal(tmp_path, "executor", segment_bytes=1, fsync_every_s=3600) as journal:
        monkeypatch.setattr(os, "close", close)
        for _ in range(4):
            journal.record([beat()], durable=True)
    assert len(failed) == 1


def test_a_reader_that_asks_does_not_take_the_lock_from_the_writer(tmp_path: Path) -> None:
    with Journal(tmp_path, "executor"), only_segment(tmp_path).open("rb") as file:
        assert not is_finished(only_segment(tmp_path))
        with pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
