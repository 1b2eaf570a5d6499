"""What the journal holds becomes rows exactly once, whatever dies when, and nothing in it keeps the rest back."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta, timezone
from itertools import count
from pathlib import Path
from subprocess import PIPE
from typing import Any
from zlib import crc32

import duckdb
import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import tape.store.ingest.ingest
from tape.execution.events import EVENTS, Event, EventRefused, HeartbeatSent, OrderFailed, Ticked
from tape.store.database import closing, open_database
from tape.store.ingest.ingest import Ingest, Ingested, insert_from_json
from tape.store.ingest.positions import Certificate, certificates, load_positions
from tape.store.journal.segments import Line, is_finished, journal_folder, read_header, read_lines, segment_paths
from tape.store.journal.writer import Journal
from tape.store.schema import python_type
from tests.divided import examples
from tests.programs import Program

NOON = datetime(2025, 11, 1, 12, tzinfo=UTC)


class Spine:
    """A home with a database and a journal, and an ingest between them that can be started again."""

    def __init__(self, home: Path, connection: duckdb.DuckDBPyConnection) -> None:
        self.home, self.connection = home, connection
        self.scratch = home / "scratch"
        self.scratch.mkdir()
        self.restart()

    def restart(self, **options: Any) -> None:
        self.ingest = Ingest(self.connection, self.home, self.scratch, now=lambda: NOON, **options)

    def run(self) -> list[Ingested]:
        """Stores all there is; returns what each transaction stored."""
        done = []
        while (step := self.ingest.run_once()) != Ingested():
            done.append(step)
        return done

    def journal(self, producer: str = "executor", **options: Any) -> Journal:
        return Journal(self.home, producer, **options)

    def record(self, *batches: Sequence[Event]) -> None:
        """One run of a producer."""
        with self.journal() as journal:
            for batch in batches:
                journal.record(batch)

    def write(self, *items: bytes) -> Path:
        """A finished segment whose batches are these bytes, each a JSON array of events, numbered from 1."""
        with self.journal():
            path = segment_paths(journal_folder(self.home))[-1]
        with path.open("ab") as file:
            for seq, item in enumerate(items, 1):
                file.write(line(b"%d 1000000 %b" % (seq, item)))
        return path

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(query).fetchall()

    def services(self) -> list[str]:
        """The services of the heartbeats stored, in the order in which they were."""
        return [service for (service,) in self.rows("select service from heartbeats order by ingest_seq")]

    def refusals(self) -> list[tuple[str, int, str]]:
        return [
            (source, number, reason)
            for source, number, reason in self.rows("select source, line, reason from rejected_events order by all")
        ]

    def certificate(self) -> Certificate:
        (found,) = certificates(self.connection)
        return found


@pytest.fixture
def spine(database: Path) -> Iterator[Spine]:
    with closing(open_database(database)) as connection:
        yield Spine(database.parents[1], connection)


def line(body: bytes) -> bytes:
    return b"%08x %b\n" % (crc32(body), body)


def beat(service: str = "s", **more: Any) -> HeartbeatSent:
    return HeartbeatSent(ts=NOON, service=service, **more)


_IDS = count(1)


def item(event_type: str = "heartbeat", **fields: Any) -> bytes:
    """A batch of one event as it stands in the journal, under an id of its own unless given."""
    given_fields = {"event_id": f"e{next(_IDS)}", "ts": "2025-11-01T12:00:00Z", "service": "s", **fields}
    return orjson.dumps([[event_type, given_fields]])


def only_segment(home: Path) -> Path:
    (path,) = segment_paths(journal_folder(home))
    return path


# --- rows ---


def full(event: type[Event], **more: Any) -> Event:
    """An event with every field known, each with a value of its own."""
    values: dict[str, Any] = {}
    for number, (name, info) in enumerate(event.model_fields.items(), 1):
        values[name] = {
            float: number + 0.1,
            int: number,
            bool: True,
            str: f"{name.upper()} ü\n\"'{number}",
            datetime: NOON + timedelta(microseconds=number),
            list: [name, 1, None, {"a": []}],
            dict: {name: [1.5, None, "ü", {}], "b": {"c": False}},
        }[python_type(info.annotation)]
    return event(**{**values, **more})


def stored(spine: Spine, event: type[Event]) -> dict[str, Any]:
    """The only row of an event's table, documents parsed."""
    result = spine.connection.execute(f"from {event.table}")
    names = [column[0] for column in result.description or ()]
    ((*values,),) = result.fetchall()
    row = dict(zip(names, values, strict=True))
    for name, info in event.model_fields.items():
        if python_type(info.annotation) in (dict, list) and row[name] is not None:
            row[name] = json.loads(row[name])
    row["extra"] = None if row["extra"] is None else json.loads(row["extra"])
    return row


@pytest.mark.rows(8)
@pytest.mark.parametrize("event", EVENTS)
def test_every_event_comes_back_from_its_table_column_by_column(spine: Spine, event: type[Event]) -> None:
    recorded = full(event, ingest_seq=7, received_us=8, received_ts="x", extra={"y": 9}, unheard_of=[1, {"z": None}])
    spine.record([recorded])
    assert spine.run() == [Ingested(1, 0, (event.table,), 1)]
    row = stored(spine, event)
    assert {name: row[name] for name in event.model_fields} == {
        name: getattr(recorded, name) for name in event.model_fields
    }
    assert row["extra"] == recorded.model_extra
    assert row["ingest_seq"] == 1
    assert abs(row["received_ts"] - datetime.now(UTC)) < timedelta(minutes=5)


@pytest.mark.rows(6)
@pytest.mark.parametrize("event", EVENTS)
def test_what_is_unknown_is_null_and_the_journal_says_whose_event_it_is(spine: Spine, event: type[Event]) -> None:
    known = {name: getattr(full(event), name) for name, info in event.model_fields.items() if info.is_required()}
    with spine.journal(run_id="r") as journal:
        journal.record([event(**known)])
    spine.run()
    row = stored(spine, event)
    event_id = row.pop("event_id")
    assert re.fullmatch("[0-9a-f]{32}", event_id) if event.by_content else event_id == "r-1"
    assert {name: row.pop(name) for name in ("producer", "run_id", "hostname", "pid")} == {
        "producer": "executor",
        "run_id": "r",
        "hostname": os.uname().nodename,
        "pid": os.getpid(),
    }
    del row["received_ts"], row["ingest_seq"]
    defaults = {name: info.default for name, info in event.model_fields.items() if not info.is_required()}
    assert row == {**{name: defaults[name] for name in row if name in defaults}, **known, "extra": None}


@pytest.mark.parametrize(
    "ts",
    [
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
        datetime(2025, 10, 26, 2, 30, tzinfo=timezone(timedelta(hours=2))),
        datetime(2025, 10, 26, 2, 30, tzinfo=timezone(timedelta(hours=1))),
        datetime.max.replace(tzinfo=UTC),
    ],
)
def test_instants_are_kept_to_the_microsecond_from_one_end_of_the_calendar_to_the_other(
    spine: Spine, ts: datetime
) -> None:
    spine.record([Ticked(ts=ts, equity_usd=1.0)], [Ticked(ts=ts, equity_usd=2.0)])
    spine.run()
    assert spine.rows("select ts from ticks") == [(ts,), (ts,)]


def test_empty_text_is_unknown(spine: Spine) -> None:
    spine.record([OrderFailed(ts=NOON, symbol="X", error="")], [beat("")])
    spine.run()
    assert spine.rows("select symbol, error from order_errors") == [("X", None)]
    assert [reason for _, _, reason in spine.refusals()] == ["heartbeat: service: expected text, found nothing"]


def test_numbers_of_stored_rows_are_contiguous_and_in_the_order_of_the_journal(spine: Spine) -> None:
    with spine.journal() as journal:
        for n in range(30):
            journal.record([beat(f"{n}.{k}") if k % 2 else Ticked(ts=NOON, run_id=f"{n}.{k}") for k in range(3)])
            if n in (3, 20):
                spine.run()
    spine.run()
    found = spine.rows(
        "select ingest_seq, service from heartbeats union all select ingest_seq, run_id from ticks order by 1"
    )
    assert found == list(enumerate((f"{n}.{k}" for n in range(30) for k in range(3)), 1))
    assert spine.rows("from ingest_counter") == [(90,)]


def test_several_producers_and_runs_are_told_apart(spine: Spine) -> None:
    with spine.journal("a", run_id="1") as first, spine.journal("a", run_id="2") as second, spine.journal("b") as third:
        for journal in (first, second, third):
            for _ in range(2):
                journal.record([beat(f"{journal.producer}{journal.run_id}")])
        third.record([beat("more")])
    spine.run()
    assert sorted(spine.services()) == sorted(["a1", "a1", "a2", "a2", f"b{third.run_id}", f"b{third.run_id}", "more"])
    assert certificates(spine.connection) == [Certificate("a", 2, 4, 4, 0), Certificate("b", 1, 3, 3, 0)]


# --- exactly once ---


@settings(deadline=None, max_examples=examples(25))
@given(
    st.lists(st.sampled_from(["record", "run", "restart", "close", "fail"]), max_size=25),
    st.integers(1, 3000),
    st.integers(1, 2000),
)
@example(["record", "run"], 1, 1)  # what was read ahead has nothing, and the producer closes
def test_every_batch_is_stored_once_however_ingest_starts_fails_and_slices(
    empty_database: Path,
    tmp_path_factory: pytest.TempPathFactory,
    steps: list[str],
    segment_bytes: int,
    slice_bytes: int,
) -> None:
    home = tmp_path_factory.mktemp("home")
    path = home / "tape.duckdb"
    shutil.copy(empty_database, path)
    recorded: list[str] = []
    with closing(open_database(path)) as connection:
        spine = Spine(home, connection)
        spine.restart(slice_bytes=slice_bytes)
        journal = spine.journal(segment_bytes=segment_bytes, run_id="r1")
        for number, step in enumerate(steps, 2):
            if step == "record":
                recorded.append(f"{number}")
                journal.record([beat(recorded[-1])])
            elif step == "close":
                journal.close()
                journal = spine.journal(segment_bytes=segment_bytes, run_id=f"r{number:02}")
            elif step == "run":
                spine.ingest.run_once()
            elif step == "restart":
                spine.restart(slice_bytes=slice_bytes)
            else:
                with pytest.MonkeyPatch.context() as patch:
                    patch.setattr(tape.store.ingest.ingest, "save_positions", failing)
                    try:
                        spine.ingest.run_once()
                    except RuntimeError as error:
                        assert str(error) == "killed here"  # noqa: PT017 (it fails only where there is work)
        journal.close()
        spine.run()
        assert sorted(spine.services()) == sorted(recorded)
        assert all(position.is_finished for position in load_positions(connection).values())
        assert [(each.recorded, each.stored, each.gaps) for each in certificates(connection)] == [
            (len(recorded), len(recorded), 0)
        ]


def failing(*_: object, **__: object) -> None:
    raise RuntimeError("killed here")


@pytest.mark.parametrize("at", ["insert_from_json", "roll_up", "reject", "save_positions"])
def test_a_transaction_that_fails_leaves_neither_rows_nor_position(
    spine: Spine, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    spine.write(item(), b"{}", item(event_id="f"))
    with monkeypatch.context() as patch:
        patch.setattr(tape.store.ingest.ingest, at, failing)
        with pytest.raises(RuntimeError, match="killed here"):
            spine.run()
    assert (spine.services(), spine.refusals(), load_positions(spine.connection)) == ([], [], {})
    assert spine.rows("select coalesce(max(last_ingest_seq), 0) from ingest_counter") == [(0,)]
    spine.run()
    assert (len(spine.services()), len(spine.refusals())) == (2, 1)


def test_after_a_commit_that_failed_the_position_is_read_from_the_database(
    spine: Spine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with a full disk in a checkpoint: the commit raises, and is durable all the same."""
    spine.record([beat("a")], [beat("b")])
    real = Ingest._store

    def store_and_fail(self: Ingest, taken: tape.store.ingest.ingest.Slice) -> int:
        real(self, taken)
        spine.connection.execute("commit")
        spine.connection.execute("begin transaction")
        raise duckdb.IOException("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Ingest, "_store", store_and_fail)
        with pytest.raises(duckdb.IOException):
            spine.ingest.run_once()
    assert spine.run() == []
    assert spine.services() == ["a", "b"]


def test_a_second_ingest_on_the_same_store_stores_nothing_twice(spine: Spine) -> None:
    spine.record([beat("a")])
    spine.run()
    with closing(spine.connection.cursor()) as cursor:
        other = Ingest(cursor, spine.home, spine.scratch)
        assert other.run_once() == Ingested()
        spine.record([beat("b")])
        assert other.run_once().events == 1
    spine.restart()
    spine.run()
    assert spine.services() == ["a", "b"]


INGESTS_FOR_EVER = """
import sys
from pathlib import Path
from tape.store.database import open_database
from tape.store.ingest.ingest import Ingest

home = Path(sys.argv[1])
connection = open_database(home / "logs" / "tape.duckdb")
print("ready", flush=True)
ingest = Ingest(connection, home, home / "scratch", slice_bytes=3000)
while True:
    if ingest.run_once().events:
        print("stored", flush=True)
"""


def test_every_batch_is_stored_once_when_the_ingesting_process_is_killed_again_and_again(
    database: Path, tmp_path: Path
) -> None:
    (tmp_path / "scratch").mkdir()
    with Journal(tmp_path, "executor", segment_bytes=20_000) as journal:
        for round_number in range(6):
            with Program("-c", INGESTS_FOR_EVER, tmp_path, stdout=PIPE) as child:
                child.stdout.readline()
                for n in range(150):
                    journal.record([beat(f"{round_number}.{n}.{k}") for k in range(2)])
                for _ in range(round_number + 1):
                    child.stdout.readline()
                child.kill()
            assert child.returncode == -9
    with closing(open_database(database)) as connection:
        shutil.rmtree(tmp_path / "scratch")
        spine = Spine(tmp_path, connection)
        assert 0 < len(spine.services()) < 1800
        spine.run()
        assert spine.services() == [f"{r}.{n}.{k}" for r in range(6) for n in range(150) for k in range(2)]
        assert str(spine.certificate()) == "executor: recorded 1..900, stored 1..900, gaps 0"


# --- slices ---


def test_nothing_new_costs_no_transaction(spine: Spine, monkeypatch: pytest.MonkeyPatch) -> None:
    with spine.journal() as journal:
        journal.record([beat()])
        spine.run()
        monkeypatch.setattr(tape.store.ingest.ingest, "transaction", failing)
        assert spine.ingest.run_once() == Ingested()
        spine.restart()
        assert spine.ingest.run_once() == Ingested()


def test_a_backlog_in_slices_is_the_same_as_in_one(spine: Spine) -> None:
    for _ in range(3):
        spine.record(*[[beat(f"{n}"), beat("twin")] for n in range(20)])
    spine.restart(slice_bytes=1)
    steps = spine.run()
    assert [step.events for step in steps if step.events] == [2] * 60
    assert all(step.has_more for step in steps[:-1])
    assert steps[-1].last_seq == 120
    assert spine.services() == [name for _ in range(3) for n in range(20) for name in (f"{n}", "twin")]
    assert all(position.is_finished for position in load_positions(spine.connection).values())


def test_a_slice_reads_about_as_much_as_it_is_told(spine: Spine) -> None:
    spine.record(*[[beat(f"{n}")] for n in range(100)])
    size = only_segment(spine.home).stat().st_size
    spine.restart(slice_bytes=size // 4)
    assert [20 < step.events < 32 for step in spine.run()][:4] == [True] * 4


def test_a_line_longer_than_a_slice_is_stored(spine: Spine) -> None:
    spine.restart(slice_bytes=1000)
    spine.record([beat("a")], [beat("b", odd="x" * 3_000_000)], [beat("c") for _ in range(2000)])
    spine.run()
    assert spine.services() == ["a", "b", *["c"] * 2000]
    assert spine.rows("select length(extra->>'odd') from heartbeats where service = 'b'") == [(3_000_000,)]


# --- refusals ---

WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("tick", {"equity_usd": "1.5"}, "tick: equity_usd: expected a number, found '1.5'"),
    ("tick", {"equity_usd": True}, "tick: equity_usd: expected a number, found True"),
    ("tick", {"position_count": 1.7}, "tick: position_count: expected a whole number, found 1.7"),
    ("tick", {"position_count": 2**63}, "tick: position_count: expected a whole number, found 9223372036854775808"),
    ("tick", {"position_count": True}, "tick: position_count: expected a whole number, found True"),
    ("tick", {"is_test": 1}, "tick: is_test: expected true or false, found 1"),
    ("tick", {"run_id": 5}, "tick: run_id: expected text, found 5"),
    ("tick", {"run_id": {"a": 1}}, "tick: run_id: expected text, found {'a': 1}"),
    ("tick", {"ts": "noon"}, "tick: ts: expected an instant with its offset, found 'noon'"),
    (
        "tick",
        {"ts": "2025-11-01T12:00:00"},
        "tick: ts: expected an instant with its offset, found '2025-11-01T12:00:00'",
    ),
    ("tick", {"ts": "2016-12-31T23:59:60Z"}, "tick: ts: expected an instant with its offset"),
    ("tick", {"ts": "0001-01-01T00:00:00+01:00"}, "tick: ts: expected an instant with its offset"),
    ("tick", {"ts": "9999-12-31T23:30:00-01:00"}, "tick: ts: expected an instant with its offset"),
    ("tick", {"ts": 1761998400}, "tick: ts: expected an instant with its offset, found 1761998400"),
    ("tick", {"ts": None}, "tick: ts: expected an instant with its offset, found nothing"),
    ("tick", {"event_id": None}, "tick: event_id: expected text, found nothing"),
    ("tick", {"event_id": ""}, "tick: event_id: expected text, found nothing"),
    ("order_fill", {"trade_ids": {"a": 1}}, "order_fill: trade_ids: expected a list, found {'a': 1}"),
    ("config_snapshot", {"kind": "limits"}, "config_snapshot: payload: expected a document, found nothing"),
    ("tock", {}, "expected a known event and its fields, found ['tock', {"),
]


@pytest.mark.rows(6)
@pytest.mark.parametrize(("event_type", "fields", "reason"), WRONG)
def test_a_wrongly_typed_field_refuses_its_batch_by_name(
    spine: Spine, event_type: str, fields: dict[str, Any], reason: str
) -> None:
    path = spine.write(item(event_type, **fields))
    assert spine.run() == [Ingested(0, 1)]
    ((source, number, found),) = spine.refusals()
    assert (source, number) == (path.name, 2)
    assert found.startswith(reason)


POISON: list[tuple[str, bytes]] = [
    ("no list", b"{}"),
    ("no event", b"[1]"),
    ("no fields", b'[["heartbeat",null]]'),
    ("fields that are none", b'[["heartbeat",[]]]'),
    ("three parts", b'[["heartbeat",{},{}]]'),
    ("a type that is none", b'[[["heartbeat"],{}]]'),
    ("no JSON", b"[{]"),
    ("a number beyond doubles", item().replace(b'"s"', b'"s","lag_s":1e999')),
    ("half a surrogate", item().replace(b'"s"', b'"\\ud800"')),
    ("nesting", item().replace(b'"s"', b'"s","x":' + b"[" * 500 + b"]" * 500)),
    ("an instant of another form", item(ts="20251101T120000Z")),
    ("an instant by its week", item(ts="2025-W44-6T12:00:00Z")),
    ("a comma before the fraction", item(ts="2025-11-01T12:00:00,5Z")),
    ("an offset with a fraction", item(ts="2025-11-01T12:00:00+01:00:00.5")),
]


@pytest.mark.rows(10)
@pytest.mark.parametrize("slice_bytes", [1, 700, 1 << 20])
@pytest.mark.parametrize("poison", [poison for _, poison in POISON], ids=[name for name, _ in POISON])
def test_a_batch_that_cannot_be_stored_is_kept_and_the_rest_goes_on(
    spine: Spine, poison: bytes, slice_bytes: int
) -> None:
    mixed = item(service="never")[:-1] + b"," + poison[1:] if poison.startswith(b"[[") else poison
    batches = [item(service=f"{n}") for n in range(20)]
    batches[7], batches[13] = poison, mixed
    path = spine.write(*batches)
    spine.restart(slice_bytes=slice_bytes)
    spine.run()
    assert spine.services() == [f"{n}" for n in range(20) if n not in (7, 13)]
    assert [(source, number) for source, number, _ in spine.refusals()] == [(path.name, 9), (path.name, 15)]
    assert all(reason for _, _, reason in spine.refusals())
    lines = path.read_bytes().split(b"\n")
    raw = spine.rows("select raw, event_id, rejected_ts from rejected_events order by line")
    assert [each for each, _, _ in raw] == [lines[8].decode(), lines[14].decode()]
    assert {rejected_ts for _, _, rejected_ts in raw} == {NOON}
    assert len({event_id for _, event_id, _ in raw}) == 2
    assert str(spine.certificate()) == "executor: recorded 1..20, stored 1..18, refused 2, gaps 0"
    assert spine.rows("select max(ingest_seq), count(*) from heartbeats") == [(18, 18)]


def test_a_segment_of_nothing_but_poison_is_refused_batch_by_batch(spine: Spine) -> None:
    spine.write(*[item(ts="20251101T120000Z", event_id=f"{n}") for n in range(50)])
    spine.record([beat("after")])
    spine.run()
    assert (spine.services(), len(spine.refusals())) == (["after"], 50)


def test_equal_refused_lines_of_a_segment_are_each_kept_under_an_id_of_their_own(spine: Spine) -> None:
    path = spine.write(item())
    broken = b"00000000 2 1000000 []\n"
    with path.open("ab") as file:
        file.write(broken * 2)
    spine.run()
    rows = spine.rows("select line, raw, reason from rejected_events order by line")
    assert [(line, raw) for line, raw, _ in rows] == [(3, broken[:-1].decode()), (4, broken[:-1].decode())]
    assert spine.rows("select count(distinct event_id) from rejected_events") == [(2,)]


@pytest.mark.parametrize(
    "error", [duckdb.IOException("disk"), duckdb.FatalException("gone"), duckdb.OutOfMemoryException("full")]
)
def test_an_error_of_the_database_refuses_nothing(
    spine: Spine, monkeypatch: pytest.MonkeyPatch, error: duckdb.Error
) -> None:
    def fail(*_: object) -> str:
        raise error

    spine.record([beat("a")])
    with monkeypatch.context() as patch:
        patch.setattr(tape.store.ingest.ingest, "insert_from_json", fail)
        with pytest.raises(type(error)):
            spine.run()
    assert spine.refusals() == []
    spine.run()
    assert spine.services() == ["a"]


def test_what_write_event_refused_is_kept_with_its_reason(spine: Spine) -> None:
    with spine.journal() as journal:
        with pytest.raises(EventRefused) as refused:
            journal.write_event("heartbeat", {"ts": 0, "odd": [1]})
        journal.write_event("heartbeat", {"ts": 0, "service": "good"})
    spine.run()
    assert spine.services() == ["good"]
    assert [(number, reason) for _, number, reason in spine.refusals()] == [(2, str(refused.value))]
    (raw,) = spine.rows("select raw from rejected_events")[0]
    assert json.loads(raw.split(" ", 3)[3])[0][1]["payload"] == {"ts": 0, "odd": [1]}
    assert str(spine.certificate()) == "executor: recorded 1..2, stored 1..1, refused 1, gaps 0"


def test_a_flipped_bit_is_refused_by_its_checksum_and_shows_as_a_gap(spine: Spine) -> None:
    path = spine.write(item(service="a"), item(service="MMMM"), item(service="c"))
    path.write_bytes(path.read_bytes().replace(b"MMMM", b"M\rMM"))
    spine.run()
    assert spine.services() == ["a", "c"]
    ((source, number, reason),) = spine.refusals()
    assert (source, number, reason[:4]) == (path.name, 3, "crc ")
    assert (spine.certificate().gaps, str(spine.certificate())) == (
        1,
        "executor: recorded 1..3, stored 1..2, gaps 1",
    )


def test_a_number_that_does_not_grow_is_refused_and_hides_no_gap(spine: Spine) -> None:
    with spine.journal():
        path = only_segment(spine.home)
    with path.open("ab") as file:
        for seq, service in ((1, b"a"), (1, b"twin"), (4, b"b"), (2, b"late"), (5, b"c")):
            file.write(line(b"%d 0 %b" % (seq, item(service=service.decode()))))
    spine.run()
    assert spine.services() == ["a", "b", "c"]
    assert [(number, reason) for _, number, reason in spine.refusals()] == [
        (3, "batch 1: expected one behind 1"),
        (5, "batch 2: expected one behind 4"),
    ]
    assert spine.certificate() == Certificate("executor", 1, 5, 3, 0)
    assert spine.certificate().gaps == 2


def test_a_dropped_batch_shows_as_a_gap(spine: Spine, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    with spine.journal(on_error="drop") as journal:
        journal.record([beat("a")])
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", lambda fd, text: real(fd, text[:9]))
            assert journal.record([beat("lost")]) == 0
        journal.record([beat("b")])
    spine.run()
    assert spine.services() == ["a", "b"]
    assert (spine.certificate().gaps, spine.refusals()) == (1, [])


# --- files ---


@pytest.mark.parametrize("slice_bytes", [1, 1 << 20])
def test_a_torn_tail_waits_for_its_producer_and_is_set_aside_when_that_is_gone(spine: Spine, slice_bytes: int) -> None:
    spine.restart(slice_bytes=slice_bytes)
    with spine.journal() as journal:
        journal.record([beat("a")])
        path = only_segment(spine.home)
        with path.open("ab") as file:
            file.write(b"0123abcd 2 17 [[" + b"x" * 5000)
        spine.run()
        assert (spine.services(), spine.refusals()) == (["a"], [])
        assert not load_positions(spine.connection)[path.name].is_finished
    steps = spine.run()
    assert [(step.events, step.refused) for step in steps] == [(0, 1)]
    assert spine.refusals() == [(path.name, 3, "line ends too early: its producer is gone, and never had it recorded")]
    assert load_positions(spine.connection)[path.name].is_finished
    spine.restart()
    assert spine.run() == []
    assert str(spine.certificate()) == "executor: recorded 1..1, stored 1..1, gaps 0"


@pytest.mark.parametrize(
    ("header", "stored"), [(b"", []), (b"TAPE1 00000000 {}\n", ["s"]), (b"\0" * 300, []), (b"\xff\xfe\n", ["s"])]
)
def test_a_damaged_header_is_refused_once_and_the_rest_goes_on(spine: Spine, header: bytes, stored: list[str]) -> None:
    folder = journal_folder(spine.home)
    spine.record([beat("a")])
    damaged = folder / "damaged-r-000001.journal"
    damaged.write_bytes(header + line(b"1 1 " + item()))
    for _ in range(3):
        spine.restart()
        spine.run()
    assert sorted(spine.services()) == sorted(["a", *stored])
    ((source, number, reason),) = spine.refusals()
    assert (source, number) == (damaged.name, 1)
    assert reason.startswith("segment damaged-r-000001.journal: line 1: expected a header")


def test_a_damaged_header_is_refused_also_where_the_first_transaction_failed(
    spine: Spine, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal_folder(spine.home).mkdir()
    (journal_folder(spine.home) / "damaged-r-000001.journal").touch()
    with monkeypatch.context() as patch:
        patch.setattr(tape.store.ingest.ingest, "reject", failing)
        with pytest.raises(RuntimeError, match="killed here"):
            spine.run()
    spine.run()
    assert len(spine.refusals()) == 1


def test_behind_a_damaged_header_the_batches_are_stored_under_what_the_name_says(spine: Spine) -> None:
    with spine.journal("exec_1", run_id="run.1", segment_bytes=1) as journal:
        for service in ("a", "b", "c"):
            journal.record([beat(service)])
    (_, _, second, _) = segment_paths(journal_folder(spine.home))  # the first is empty
    content = bytearray(second.read_bytes())
    content[20] ^= 1
    second.write_bytes(content)
    for _ in range(2):
        spine.restart()
        spine.run()
    assert spine.services() == ["a", "b", "c"]
    assert spine.rows("select producer, run_id, pid is null, hostname from heartbeats where service = 'b'") == [
        ("exec_1", "run.1", True, None)
    ]
    assert [(source, number) for source, number, _ in spine.refusals()] == [(second.name, 1)]
    assert str(spine.certificate()) == "exec_1: recorded 1..3, stored 1..3, gaps 0"


def test_a_copy_of_a_segment_is_refused_and_not_stored_again(spine: Spine) -> None:
    spine.record([beat("a")])
    path = only_segment(spine.home)
    shutil.copy(path, path.with_name("backup of it.journal"))
    spine.run()
    assert spine.services() == ["a"]
    ((source, _, reason),) = spine.refusals()
    assert (source, reason.endswith(f"found that of {path.name}")) == ("backup of it.journal", True)


def test_a_file_whose_name_is_no_text_is_refused(spine: Spine) -> None:
    spine.record([beat("a")])
    Path(os.fsdecode(bytes(journal_folder(spine.home)) + b"/\xff.journal")).touch()
    for _ in range(2):
        spine.restart()
        spine.run()
    assert (spine.services(), [source for source, _, _ in spine.refusals()]) == (["a"], ["\\udcff.journal"])


def test_what_cannot_be_read_is_logged_once_and_keeps_nothing_back(
    spine: Spine, caplog: pytest.LogCaptureFixture
) -> None:
    spine.record([beat("a")])
    (journal_folder(spine.home) / "a folder.journal").mkdir()
    spine.run()
    spine.run()
    assert (spine.services(), spine.refusals()) == (["a"], [])
    assert [record.getMessage()[:35] for record in caplog.records] == ["segment a folder.journal: cannot be"]
    assert spine.ingest.unreadable == {"a folder.journal": "Is a directory"}
    (journal_folder(spine.home) / "a folder.journal").rmdir()
    spine.run()
    assert spine.ingest.unreadable == {}


def test_what_could_not_be_read_is_stored_once_it_can(spine: Spine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fault is injected: a disk that fails in the middle of a segment."""
    late = spine.write(item(service="late"), item(service="later"))
    spine.record([beat("a")])

    def failing(path: Path, *words: Any) -> Iterator[Line]:
        if path == late:
            raise OSError(errno.EIO, "Input/output error")
        return read_lines(path, *words)

    with monkeypatch.context() as faulty:
        faulty.setattr(tape.store.ingest.ingest, "read_lines", failing)
        spine.run()
    assert (spine.services(), spine.ingest.unreadable) == (["a"], {late.name: "Input/output error"})
    spine.run()
    assert (spine.services(), spine.ingest.unreadable) == (["a", "late", "later"], {})


def test_scratch_holds_one_table_at_a_time_and_nothing_in_between(
    spine: Spine, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[int] = []

    def looking(table: str) -> str:
        held.append(len(list(spine.scratch.iterdir())))
        return insert_from_json(table)

    monkeypatch.setattr(tape.store.ingest.ingest, "insert_from_json", looking)
    spine.record([beat("a"), Ticked(ts=NOON, equity_usd=1.0)])
    spine.run()
    assert (held, list(spine.scratch.iterdir())) == ([1, 1], [])


def test_a_segment_that_vanishes_is_left_out(
    spine: Spine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    gone = spine.write(item(service="gone"))
    spine.record([beat("a")])

    def is_finished_and_gone(path: Path) -> bool:
        if path == gone:
            path.unlink()
        return is_finished(path)

    monkeypatch.setattr(tape.store.ingest.ingest, "is_finished", is_finished_and_gone)
    spine.run()
    assert (spine.services(), spine.refusals(), caplog.records) == (["a"], [], [])


def test_a_segment_that_lost_its_tail_after_it_was_stored_is_finished(spine: Spine) -> None:
    """As a power cut leaves it: the database was synced, the segment was not."""
    with spine.journal() as journal:
        journal.record([beat("a")])
        journal.record([beat("b")])
        spine.run()
        path = only_segment(spine.home)
    header = read_header(path)
    os.truncate(path, header.data_offset + 10)
    spine.restart()
    spine.run()
    assert (spine.services(), spine.refusals()) == (["a", "b"], [])
    assert load_positions(spine.connection)[path.name].is_finished


def test_a_store_that_lost_its_tail_gets_it_again_from_the_journal(spine: Spine, database: Path) -> None:
    spine.record([beat("a")])
    spine.run()
    spine.connection.execute("checkpoint")
    older = database.with_name("older.duckdb")
    shutil.copy(database, older)
    spine.record([beat("b")])
    spine.run()
    with closing(open_database(older)) as connection:
        shutil.rmtree(spine.scratch)
        again = Spine(spine.home, connection)
        again.run()
        assert again.services() == spine.services() == ["a", "b"]


def test_a_header_without_batches_ends_as_a_finished_segment(spine: Spine) -> None:
    spine.record()
    spine.run()
    (position,) = load_positions(spine.connection).values()
    assert (position.is_finished, position.last_seq, position.stored_batches) == (True, 0, 0)
    assert spine.certificate() == Certificate("executor", 1, 0, 0, 0)


def test_without_a_journal_there_is_nothing_to_do(spine: Spine) -> None:
    assert spine.ingest.run_once() == Ingested()
    assert certificates(spine.connection) == []
