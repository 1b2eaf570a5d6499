"""The live logs hold every row once, in the order it was stored, whatever died when."""

from __future__ import annotations

import gzip
import json
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tape.execution.events import Event
from tape.exporters.mirrors import computed
from tape.exporters.mirrors import events as event_mirrors
from tape.exporters.mirrors import files as mirror_files
from tape.exporters.mirrors.computed import ROUTER_HEALTH_S
from tape.exporters.mirrors.events import EVENT_MIRRORS, EventMirror
from tape.exporters.mirrors.files import MirrorFile
from tape.exporters.mirrors.lines import write_logs
from tape.exporters.mirrors.live import Mirrors
from tape.exporters.mirrors.mirror import Lines
from tape.exporters.state_files import to_json
from tape.store.legacy.importer import import_logs
from tape.store.query.round import Row, open_round
from tape.store.recovery.backup import compress
from tests.conftest import GivenRows
from tests.store.old_logs import CLOSE, EXECUTED, METRIC, METRICS, VETO, VETOES, text, write_files

NOW = datetime.now(UTC)
ORDERS, SHADOW = "execution/orders_executed.jsonl", "pipeline_v6_shadow.jsonl"
HEALTH, COMPARE = "router_health.jsonl", "pipeline_v6_compare.jsonl"
EVENT_TABLES_MIRRORED = [event.table for kinds in EVENT_MIRRORS.values() for event in kinds]


class Killed(BaseException):
    """Stands for SIGKILL at a chosen point: nothing in the process runs after it."""


class Logs:
    """A home's logs, kept alive by one owner after another."""

    def __init__(self, store: GivenRows, folder: Path) -> None:
        self.store = store
        self.folder = folder
        self.rotate_bytes = 10**9
        self.start()

    def start(self) -> None:
        self.mirrors = Mirrors(self.store.connection, self.folder, rotate_bytes=self.rotate_bytes)

    def run(self) -> int:
        """Brings all logs up to date; returns the lines written."""
        total = 0
        while count := self.mirrors.run_once(nullcontext(), self.versions()):
            total += count
        return total

    def versions(self) -> dict[str, int]:
        """Per table the number of its newest row, and how many it has: tests store numbers in any order."""
        tables = " union all ".join(
            f"select '{table}', coalesce(max(ingest_seq), 0) + count(*) from {table}" for table in EVENT_TABLES_MIRRORED
        )
        return dict(self.store.connection.execute(tables).fetchall())

    def lines(self, name: str) -> list[bytes]:
        """Every line of a log, archived ones first."""
        path = self.folder / name
        parts = [*self.archives(name), *([path] if path.exists() else [])]
        return b"".join(
            gzip.decompress(each.read_bytes()) if each.suffix == ".gz" else each.read_bytes() for each in parts
        ).splitlines(keepends=True)

    def archives(self, name: str) -> list[Path]:
        """What was rotated of a log, oldest first."""
        path = self.folder / name
        return sorted((path.parent / "archive").glob(f"{path.name}.*"))

    def ids(self, name: str) -> list[str]:
        return [json.loads(line)["event_id"] for line in self.lines(name)]

    def all_ids(self) -> list[str]:
        """The ids of all event logs, sorted."""
        return sorted(each for name in EVENT_MIRRORS for each in self.ids(name))

    def documents(self, name: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines(name)]

    def publish(self, name: str, document: dict[str, Any]) -> None:
        """Puts a state file in place as the publisher does, by rename."""
        path = self.folder / "state" / name
        path.parent.mkdir(exist_ok=True)
        path.with_name("new").write_bytes(to_json(document, indent=True))
        path.with_name("new").rename(path)


@pytest.fixture
def logs(store: GivenRows, tmp_path: Path) -> Iterator[Logs]:
    logs = Logs(store, tmp_path / "logs")
    yield logs
    logs.mirrors.close()


def add_rounds(store: GivenRows, rounds: int) -> list[str]:
    """One row of every mirrored table, again and again; returns the ids in their order."""
    return [
        store.add(table, NOW - timedelta(minutes=5), **({"is_heartbeat": False} if table == "shadow_decisions" else {}))
        for _ in range(rounds)
        for table in EVENT_TABLES_MIRRORED
    ]


def written_whole(store: GivenRows, folder: Path) -> dict[str, bytes]:
    """The event logs as ``write_logs`` writes them."""
    with open_round(store.connection, as_of=NOW + timedelta(days=10_000)) as reading:
        write_logs(reading, folder)
    return {name: (folder / name).read_bytes() for name in EVENT_MIRRORS}


def test_every_row_is_mirrored_as_write_logs_writes_it(logs: Logs, tmp_path: Path) -> None:
    add_rounds(logs.store, 20)
    logs.store.add("order_fills", NOW + timedelta(days=400), symbol="BTCUSDT", avg_price=1.5, extra={"new": [1, None]})
    logs.store.add("vetoes", datetime(1970, 1, 1, tzinfo=UTC), symbol="BTCUSDT", veto_reason="late")
    assert logs.run() == 20 * len(EVENT_TABLES_MIRRORED) + 2
    whole = written_whole(logs.store, tmp_path / "whole")
    assert {name: b"".join(logs.lines(name)) for name in EVENT_MIRRORS} == whole
    assert logs.run() == 0


def test_rows_that_are_stored_while_the_tables_are_read_are_not_passed_by(
    logs: Logs, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = EventMirror._rows

    def reading(self: EventMirror, event: type[Event], last_seq: int, reached: int) -> Iterator[Row]:
        yield from list(read(self, event, last_seq, reached))
        add_rounds(logs.store, 1)  # committed by another cursor before the next table is read

    add_rounds(logs.store, 1)
    with monkeypatch.context() as storing:
        storing.setattr(EventMirror, "_rows", reading)
        logs.mirrors.run_once(nullcontext(), logs.versions())
    assert logs.mirrors.errors == {}
    logs.run()
    for name, kinds in EVENT_MIRRORS.items():
        union = " union all ".join(f"select event_id, ingest_seq from {event.table}" for event in kinds)
        rows = logs.store.connection.execute(f"select event_id from ({union}) order by ingest_seq").fetchall()
        assert logs.ids(name) == [event_id for (event_id,) in rows], name


def test_slices_change_nothing(logs: Logs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_mirrors, "_SLICE", 3)
    for number in range(40):  # runs of one table beside single rows of others
        logs.store.add("order_fills" if number % 11 else "order_acks", NOW)
        if number in (5, 30):
            add_rounds(logs.store, 4)
    logs.run()
    whole = written_whole(logs.store, tmp_path / "whole")
    assert {name: b"".join(logs.lines(name)) for name in EVENT_MIRRORS} == whole


def test_rows_that_were_imported_are_never_mirrored(store: GivenRows, tmp_path: Path) -> None:
    old = {EXECUTED: text(CLOSE), METRICS: text(METRIC), VETOES: text(VETO)}
    write_files(tmp_path / "old", old)
    assert import_logs(store.connection, tmp_path / "old", now=NOW).total.stored == 3
    store._seq = 100
    logs = Logs(store, tmp_path / "logs")
    own = add_rounds(store, 1)
    logs.run()
    assert logs.all_ids() == sorted(own)


def test_the_logs_of_an_old_runtime_are_continued(store: GivenRows, tmp_path: Path) -> None:
    old = {EXECUTED: text(CLOSE, CLOSE), HEALTH: '{"symbols": {"BTCUSDT": {}}}\n', COMPARE: "[1]\n", METRICS: "NaN\n"}
    write_files(tmp_path / "logs", old)
    logs = Logs(store, tmp_path / "logs")
    own = store.add("order_fills", NOW)
    logs.publish("router_health.json", health(1.0, 1.0))
    logs.publish("pipeline_v6_compare_summary.json", {"generated_ts": NOW.timestamp()})
    logs.run()
    assert logs.mirrors.errors == {}
    assert b"".join(logs.lines(EXECUTED)).startswith(old[EXECUTED].encode())
    assert json.loads(logs.lines(EXECUTED)[-1])["event_id"] == own
    assert [len(logs.lines(name)) for name in (HEALTH, COMPARE)] == [2, 2]


KILLS = ["before append", "in the middle of a line", "after append", "before watermark", "after watermark"]
KILLS += ["before rename", "after rename", "before second watermark"]


def kill_at(point: str, monkeypatch: pytest.MonkeyPatch, *, passes: int = 0) -> None:
    """The next mirror that comes to the point, behind so many that pass it, is the last: ``Killed``."""
    append, save, rotate = MirrorFile.append, Mirrors._save, MirrorFile.rotate_if_full
    rotated: list[bool] = []
    came = iter(range(passes))

    def come_to(here: str) -> None:
        if here == point and next(came, None) is None:
            raise Killed

    def appending(self: MirrorFile, lines: Any) -> int:
        come_to("before append")
        before = self._path.stat().st_size if self._path.exists() else 0
        size = append(self, lines)
        come_to("after append")
        if point == "in the middle of a line" and size > before and next(came, None) is None:
            with self._path.open("rb+") as file:
                file.truncate(size - 7)
            raise Killed
        return size

    def saving(self: Mirrors, mark: Any, writing: Any) -> None:
        come_to("before watermark")
        if rotated:
            come_to("before second watermark")
        save(self, mark, writing)
        come_to("after watermark")

    def rotating(self: MirrorFile, size: int, last_seq: int) -> bool:
        come_to("before rename")
        done = rotate(self, size, last_seq)
        come_to("after rename")
        rotated.append(done)
        return done

    monkeypatch.setattr(MirrorFile, "append", appending)
    monkeypatch.setattr(Mirrors, "_save", saving)
    monkeypatch.setattr(MirrorFile, "rotate_if_full", rotating)


@pytest.mark.rows(3)
@pytest.mark.parametrize("rotate_bytes", [1, 600, 10**9])
@pytest.mark.parametrize("point", KILLS)
def test_after_a_kill_at_any_point_every_row_is_there_once_and_in_order(
    logs: Logs, point: str, rotate_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_mirrors, "_SLICE", 2)
    logs.rotate_bytes = rotate_bytes
    logs.start()
    for _ in range(3):
        add_rounds(logs.store, 3)
        with monkeypatch.context() as killing:
            kill_at(point, killing)
            try:
                logs.run()
            except Killed:
                if point == "in the middle of a line":
                    assert not logs.lines(ORDERS)[-1].endswith(b"\n")
        logs.start()
    logs.run()
    for name, kinds in EVENT_MIRRORS.items():
        union = " union all ".join(f"select event_id, ingest_seq from {event.table}" for event in kinds)
        rows = logs.store.connection.execute(f"select event_id from ({union}) order by ingest_seq").fetchall()
        assert logs.ids(name) == [event_id for (event_id,) in rows], name


def last_mark(logs: Logs, name: str) -> tuple[int, int]:
    query = "select last_seq, byte_offset from mirror_watermarks where mirror = ?"
    ((last_seq, byte_offset),) = logs.store.connection.execute(query, [name]).fetchall()
    return last_seq, byte_offset


def lose_tail(logs: Logs, *, is_renumbered: bool = False) -> list[str]:
    """A database that lost its tail, and was given it again but for one row, and more; returns what the orders hold.

    ``is_renumbered``: as by a rebuild, which may store the last first.
    """
    connection, store = logs.store.connection, logs.store
    add_rounds(store, 1)
    logs.run()
    connection.execute("create temp table marks_then as from mirror_watermarks")
    first = store._seq + 1
    add_rounds(store, 2)
    last = store._seq
    logs.run()
    there = logs.ids(ORDERS)
    for table in EVENT_TABLES_MIRRORED:
        connection.execute(f"delete from {table} where event_id = ?", [there[5]])
        if is_renumbered:
            number = f"{first + last} - ingest_seq"
            connection.execute(f"update {table} set ingest_seq = {number} where ingest_seq between {first} and {last}")
    connection.execute("delete from mirror_watermarks")
    connection.execute("insert into mirror_watermarks from marks_then")
    return there + add_rounds(store, 1)[:4]


@pytest.mark.rows(3)
@pytest.mark.parametrize(("rotate_bytes", "is_renumbered"), [(1, True), (600, False), (600, True), (10**9, False)])
@pytest.mark.parametrize("point", KILLS)
def test_a_lost_tail_doubles_no_line_whatever_dies_while_it_is_caught_up_with(
    logs: Logs, point: str, rotate_bytes: int, is_renumbered: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each owner dies one slice later than the one before it."""
    monkeypatch.setattr(event_mirrors, "_SLICE", 1)
    logs.rotate_bytes = rotate_bytes
    logs.start()
    expected = lose_tail(logs, is_renumbered=is_renumbered)
    deaths = 0
    while True:
        logs.start()
        del logs.mirrors.mirrors[1:]
        with monkeypatch.context() as killing:
            kill_at(point, killing, passes=deaths)
            try:
                logs.run()
            except Killed:
                deaths += 1
            else:
                break
    assert deaths > 0 or (point == "before second watermark" and rotate_bytes == 10**9)
    assert logs.ids(ORDERS) == expected
    logs.start()
    logs.run()
    assert logs.ids(ORDERS) == expected
    expected += add_rounds(logs.store, 1)[:4]
    logs.run()
    assert logs.ids(ORDERS) == expected
    live = logs.folder / ORDERS
    size = live.stat().st_size if live.exists() else 0
    assert size < rotate_bytes, "what was too long meanwhile was rotated afterwards"
    assert last_mark(logs, ORDERS) == (logs.store._seq - len(EVENT_TABLES_MIRRORED) + 4, size)


def test_owners_who_die_after_every_slice_catch_up_with_a_lost_tail(
    logs: Logs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_mirrors, "_SLICE", 1)
    expected = lose_tail(logs)
    for _ in expected:
        logs.start()
        del logs.mirrors.mirrors[1:]
        with monkeypatch.context() as killing:
            kill_at("after watermark", killing)
            with suppress(Killed):
                logs.run()
    assert logs.ids(ORDERS) == expected


@pytest.mark.rows(1)
@pytest.mark.parametrize("rotate_bytes", [300, 10**9])
def test_a_step_that_fails_while_a_lost_tail_is_caught_up_with_doubles_no_line(
    logs: Logs, rotate_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_mirrors, "_SLICE", 1)
    logs.rotate_bytes = rotate_bytes
    logs.start()
    expected = lose_tail(logs)
    lines, steps = EventMirror.lines, iter(range(10**9))

    def failing(self: EventMirror, last_seq: int) -> Any:
        if next(steps) % 7 == 6:
            raise OSError(5, "Input/output error")
        return lines(self, last_seq)

    logs.start()
    del logs.mirrors.mirrors[1:]
    with monkeypatch.context() as often:
        often.setattr(EventMirror, "lines", failing)
        for _ in range(10):
            logs.run()
    assert logs.mirrors.failures > 0
    logs.run()
    assert logs.ids(ORDERS) == expected


@pytest.mark.rows(2)
@pytest.mark.parametrize("rotate_bytes", [1, 10**9])
@pytest.mark.parametrize("restarts_behind", [{0}, {0, 1}, {0, 1, 2, 3}])
def test_a_lost_tail_doubles_no_pair_in_several_runs(
    logs: Logs, rotate_bytes: int, restarts_behind: set[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """That nothing was published since the last run does not say that all pairs are there."""
    monkeypatch.setattr(computed, "_PAIRS", 2)
    logs.rotate_bytes = rotate_bytes
    logs.start()
    ids = [decide(logs.store, 500)]
    sum_up(logs)
    connection = logs.store.connection
    connection.execute("create temp table marks_then as from mirror_watermarks")
    ids += [decide(logs.store, 500) for _ in range(5)]
    for publication in range(1, 4):
        sum_up(logs, publication)
    assert pairs(logs) == ids
    connection.execute("delete from mirror_watermarks")
    connection.execute("insert into mirror_watermarks from marks_then")
    ids.append(decide(logs.store, 500))
    for publication in range(8):
        if publication in restarts_behind:
            logs.start()
            logs.run()
        sum_up(logs, 10 + publication)
    assert pairs(logs) == ids
    assert len(summaries(logs)) == 12
    live = logs.folder / COMPARE
    assert last_mark(logs, COMPARE)[1] == (live.stat().st_size if live.exists() else 0)
    assert live.exists() == (rotate_bytes > 1)


def test_a_rebuild_that_stores_a_young_decision_before_those_in_the_log_doubles_no_pair(logs: Logs) -> None:
    ids = [decide(logs.store, 500) for _ in range(2)]
    sum_up(logs)
    young = decide(logs.store, -300)
    connection = logs.store.connection
    connection.execute("delete from mirror_watermarks")
    connection.execute("update shadow_decisions set ingest_seq = 4 - ingest_seq")
    for after_s in (1.0, 500.0):
        logs.start()
        sum_up(logs, after_s)
    assert pairs(logs) == [*ids, young]


def test_router_health_that_lost_its_tail_is_caught_up_with_at_once(logs: Logs) -> None:
    for second in range(3):
        logs.publish("router_health.json", health(float(second), float(second)))
        logs.run()
    logs.store.connection.execute("delete from mirror_watermarks")
    for rotate_bytes, exists in ((10**9, True), (1, False)):
        logs.rotate_bytes = rotate_bytes
        logs.start()
        logs.run()
        assert [line["ts"] for line in logs.documents(HEALTH)] == [0.0, 1.0, 2.0]
        size = (logs.folder / HEALTH).stat().st_size if exists else 0
        assert last_mark(logs, HEALTH) == (0, size)
        logs.store.connection.execute("delete from mirror_watermarks")


def test_ids_that_never_come_again_are_not_kept(logs: Logs) -> None:
    expected = lose_tail(logs)
    logs.start()
    logs.run()
    assert logs.ids(ORDERS) == expected
    assert not any(file.is_matching for file in logs.mirrors._files.values())


@pytest.mark.rows(2)
@pytest.mark.parametrize(
    "harm", [Path.unlink, lambda path: path.write_bytes(b""), lambda path: path.write_bytes(b'{"event_id":"x"}\n')]
)
def test_a_log_that_somebody_removes_or_replaces_gets_what_comes_next(logs: Logs, harm: Callable[[Path], Any]) -> None:
    add_rounds(logs.store, 2)
    logs.run()
    harm(logs.folder / ORDERS)
    logs.start()
    new = logs.store.add("order_fills", NOW)
    logs.run()
    assert logs.ids(ORDERS)[-1:] == [new]


def test_a_mirror_that_fails_is_told_once_counted_and_does_not_stop_the_others(
    logs: Logs, caplog: pytest.LogCaptureFixture
) -> None:
    (logs.folder / ORDERS).mkdir(parents=True)
    ids = add_rounds(logs.store, 1)
    with caplog.at_level(logging.INFO):
        for _ in range(3):
            logs.run()
        assert list(logs.mirrors.errors) == [ORDERS]
        assert logs.mirrors.failures >= 3
        assert len(logs.ids(SHADOW)) == 1
        (logs.folder / ORDERS).rmdir()
        logs.run()
    assert [record.message for record in caplog.records if ORDERS in record.message][1:] == [
        f"{ORDERS} is written again"
    ]
    assert logs.mirrors.errors == {}
    assert logs.ids(ORDERS) == ids[:4]


@pytest.mark.rows(1)
@pytest.mark.parametrize("error", [OSError(28, "No space left"), ValueError(), TypeError("x"), AttributeError("x")])
def test_whatever_fails_in_one_mirror_the_others_go_on(
    logs: Logs, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> bytes:
        raise error

    add_rounds(logs.store, 1)
    with monkeypatch.context() as failing:
        failing.setattr(logs.mirrors.mirrors[0], "lines", fail)
        logs.run()
    assert list(logs.mirrors.errors) == [ORDERS]
    assert len(logs.ids(SHADOW)) == 1


def test_a_broken_database_is_raised(logs: Logs, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise duckdb.FatalException("FATAL")

    monkeypatch.setattr(logs.mirrors.mirrors[0], "lines", fail)
    with pytest.raises(duckdb.FatalException):
        logs.mirrors.run_once(nullcontext(), {})


def test_tables_without_news_are_not_looked_into(logs: Logs, monkeypatch: pytest.MonkeyPatch) -> None:
    add_rounds(logs.store, 1)
    logs.run()
    asked: list[str] = []

    def ask(name: str, last_seq: int) -> Lines:
        asked.append(name)
        return Lines([], last_seq, are_all=True)

    for mirror in logs.mirrors.mirrors:
        if mirror.tables:
            monkeypatch.setattr(mirror, "lines", partial(ask, mirror.name))
    logs.run()
    assert asked == []
    logs.store.add("vetoes", NOW)
    logs.run()
    assert asked == ["execution/risk_vetoes.jsonl"]


def test_a_commit_that_fails_doubles_no_line(logs: Logs, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise duckdb.TransactionException("no")

    ids = add_rounds(logs.store, 1)
    with monkeypatch.context() as failing:
        failing.setattr(logs.mirrors, "_save", fail)
        logs.run()
    logs.run()
    assert logs.all_ids() == sorted(ids)


def health(updated_ts: float, slippage: float) -> dict[str, Any]:
    symbol = {"symbol": "BTCUSDT", "slippage_p50": slippage, "updated_ts": updated_ts}
    return {"updated_ts": updated_ts, "symbols": [symbol]}


def test_router_health_is_logged_when_it_changed(logs: Logs) -> None:
    for second, slippage in enumerate([1.0, 1.0, 1.0, 2.0, 2.0, 1.0]):
        logs.publish("router_health.json", health(float(second), slippage))
        logs.run()
        logs.run()
    found = logs.documents(HEALTH)
    assert [line["ts"] for line in found] == [0.0, 3.0, 5.0]
    assert all(line["symbols"] == health(line["ts"], line["symbols"][0]["slippage_p50"])["symbols"] for line in found)
    assert len(set(logs.ids(HEALTH))) == 3


def test_router_health_is_logged_again_after_ten_minutes(logs: Logs, monkeypatch: pytest.MonkeyPatch) -> None:
    logs.publish("router_health.json", health(0.0, 1.0))
    logs.run()
    now = time.monotonic()
    for after_s, count in ((599.0, 1), (601.0, 2), (900.0, 2), (1300.0, 3)):
        monkeypatch.setattr(time, "monotonic", lambda at=now + after_s: at)
        logs.publish("router_health.json", health(after_s, 1.0))
        logs.run()
        assert len(logs.lines(HEALTH)) == count, after_s


def test_a_restart_alone_is_no_news_of_router_health(logs: Logs) -> None:
    for second in range(5):
        logs.publish("router_health.json", health(float(second), 1.0))
        logs.start()
        logs.run()
    assert len(logs.lines(HEALTH)) == 1


@pytest.mark.parametrize("is_compressed", [False, True])
def test_behind_a_rotation_a_restart_alone_is_no_news_of_router_health(logs: Logs, is_compressed: bool) -> None:
    logs.rotate_bytes = 1
    logs.start()
    for second in range(3):
        logs.publish("router_health.json", health(float(second), float(second)))
        logs.run()
    if is_compressed:
        compress(logs.archives(HEALTH)[-1])
    assert not (logs.folder / HEALTH).exists()
    for second in (2, 3):
        logs.publish("router_health.json", health(float(second), 2.0))
        logs.start()
        logs.run()
    assert [line["ts"] for line in logs.documents(HEALTH)] == [0.0, 1.0, 2.0]
    logs.publish("router_health.json", health(4.0, 4.0))
    logs.run()
    assert [line["ts"] for line in logs.documents(HEALTH)] == [0.0, 1.0, 2.0, 4.0]


@pytest.mark.rows(1)
@pytest.mark.parametrize("damage", [lambda raw: raw[:-9], lambda raw: b"no gzip", lambda raw: raw[:12] + b"\xff" * 40])
def test_a_damaged_archive_stops_no_owner(logs: Logs, damage: Callable[[bytes], bytes]) -> None:
    logs.rotate_bytes = 1
    logs.start()
    logs.publish("router_health.json", health(0.0, 1.0))
    sum_up(logs)
    for name in (HEALTH, COMPARE):
        archive = compress(logs.archives(name)[-1])
        archive.write_bytes(damage(archive.read_bytes()))
    logs.start()
    logs.publish("router_health.json", health(1.0, 2.0))
    sum_up(logs, 1.0)
    assert logs.mirrors.errors == {}
    assert [len(logs.archives(name)) for name in (HEALTH, COMPARE)] == [2, 2]


def test_a_document_that_is_in_the_log_is_not_logged_again_by_a_restart_ten_minutes_later(logs: Logs) -> None:
    logs.publish("router_health.json", health(0.0, 1.0))
    logs.run()
    before = time.time() - ROUTER_HEALTH_S - 1
    os.utime(logs.folder / HEALTH, (before, before))
    logs.start()
    logs.run()
    assert [line["ts"] for line in logs.documents(HEALTH)] == [0.0]
    logs.publish("router_health.json", health(601.0, 1.0))
    logs.run()
    assert [line["ts"] for line in logs.documents(HEALTH)] == [0.0, 601.0]


def decide(store: GivenRows, age_s: float, received_age_s: float | None = None) -> str:
    received = NOW - timedelta(seconds=age_s if received_age_s is None else received_age_s)
    return store.add(
        "shadow_decisions",
        NOW - timedelta(seconds=age_s),
        received_ts=received,
        symbol="BTCUSDT",
        is_heartbeat=False,
        is_allowed=True,
        decision={"intent": {"side": "BUY", "price": 100.0}},
    )


def sum_up(logs: Logs, after_s: float = 0.0) -> None:
    logs.publish("pipeline_v6_compare_summary.json", {"generated_ts": NOW.timestamp() + after_s, "sample_size": 1})
    logs.run()


def pairs(logs: Logs) -> list[str]:
    return [line["shadow"]["event_id"] for line in logs.documents(COMPARE) if "shadow" in line]


def summaries(logs: Logs) -> list[tuple[int, bool]]:
    return [(line["diff_count"], line["heartbeat"]) for line in logs.documents(COMPARE) if "summary" in line]


def test_a_pair_is_logged_once_when_its_decision_is_120_seconds_old(logs: Logs) -> None:
    old, ripe = decide(logs.store, 500), decide(logs.store, 120)
    young = decide(logs.store, 119)
    sum_up(logs)
    assert (pairs(logs), summaries(logs)) == ([old, ripe], [(2, False)])
    logs.run()
    sum_up(logs, 1.0)
    sum_up(logs, 2.0)
    assert (pairs(logs), summaries(logs)) == ([old, ripe, young], [(2, False), (1, False), (0, True)])
    assert len(set(logs.ids(COMPARE))) == len(logs.ids(COMPARE))


def test_a_decision_that_comes_late_is_logged_once(logs: Logs) -> None:
    late = decide(logs.store, 10_000, received_age_s=0)
    sum_up(logs)
    sum_up(logs, 1)
    assert pairs(logs) == [late]


def test_a_decision_from_the_future_is_logged_once_when_its_time_has_come_and_holds_up_none(logs: Logs) -> None:
    future = decide(logs.store, -1_000, received_age_s=0)
    near = decide(logs.store, -10, received_age_s=0)
    after = decide(logs.store, 0)
    sum_up(logs, 119)
    assert pairs(logs) == []
    sum_up(logs, 120)
    assert pairs(logs) == [after], "10 s ahead: 120 s old in 10 s"
    sum_up(logs, 130)
    assert pairs(logs) == [after, near]
    sum_up(logs, 1_119)
    assert future not in pairs(logs)
    new = decide(logs.store, -900, received_age_s=-900)
    logs.start()
    sum_up(logs, 1_120)
    sum_up(logs, 1_200)
    assert pairs(logs) == [after, near, future, new]
    assert summaries(logs)[-2:] == [(2, False), (0, True)]


def test_a_long_backlog_is_compared_in_several_runs(logs: Logs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(computed, "_PAIRS", 2)
    ripe = [decide(logs.store, 500) for _ in range(5)]
    decide(logs.store, 100)
    for publication in range(4):
        sum_up(logs, publication)
    assert (pairs(logs), summaries(logs)) == (ripe, [(2, False), (2, False), (1, False), (0, True)])


def test_heartbeats_tests_and_imported_decisions_are_no_pairs(store: GivenRows, tmp_path: Path) -> None:
    imported = decide(store, 500)
    store.connection.execute("insert into imports values (now(), 'log', 1, 1)")
    store.add("shadow_decisions", NOW - timedelta(hours=1), is_heartbeat=True)
    store.add("shadow_decisions", NOW - timedelta(hours=1), is_heartbeat=False, is_test=True)
    own = decide(store, 500)
    logs = Logs(store, tmp_path / "logs")
    sum_up(logs)
    assert pairs(logs) == [own]
    assert imported != own


@pytest.mark.rows(2)
@pytest.mark.parametrize("point", ["after append", "in the middle of a line", "before watermark", "after watermark"])
@pytest.mark.parametrize("decisions", [0, 3])
def test_after_a_kill_pairs_and_summaries_are_logged_once(
    logs: Logs, point: str, decisions: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [decide(logs.store, 500) for _ in range(decisions)]
    logs.run()  # the other logs are up to date: the kill hits the compare log
    with monkeypatch.context() as killing:
        kill_at(point, killing)
        with pytest.raises(Killed):
            sum_up(logs)
    for _ in range(2):
        logs.start()
        logs.run()
    assert (pairs(logs), summaries(logs)) == (ids, [(decisions, decisions == 0)])


@pytest.mark.rows(2)
@pytest.mark.parametrize("point", ["after append", "before watermark", "after watermark", "after rename"])
@pytest.mark.parametrize("rotate_bytes", [1, 10**9])
@pytest.mark.parametrize("tail_bytes", [300, 10**6])
def test_a_publication_is_summed_up_once_although_decisions_come_between_a_kill_and_the_next_start(
    logs: Logs, point: str, rotate_bytes: int, tail_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(computed, "_TAIL_BYTES", tail_bytes)
    logs.rotate_bytes = rotate_bytes
    logs.start()
    ids = [decide(logs.store, 500) for _ in range(3)]
    logs.run()
    with monkeypatch.context() as killing:
        kill_at(point, killing)
        with pytest.raises(Killed):
            sum_up(logs)
    ids.append(decide(logs.store, 500))
    logs.start()
    logs.run()
    assert summaries(logs) == [(3, False)]
    sum_up(logs, 1.0)
    assert (pairs(logs), summaries(logs)) == (ids, [(3, False), (1, False)])


@pytest.mark.parametrize("tail_bytes", [300, 10**6])
def test_a_publication_whose_archive_is_compressed_is_summed_up_once(
    logs: Logs, tail_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(computed, "_TAIL_BYTES", tail_bytes)
    logs.rotate_bytes = 1
    logs.start()
    ids = []
    for publication in range(2):
        ids += [decide(logs.store, 500) for _ in range(3)]
        sum_up(logs, publication)
    compress(logs.archives(COMPARE)[-1])
    logs.start()
    logs.run()
    assert (pairs(logs), summaries(logs)) == (ids, [(3, False), (3, False)])
    sum_up(logs, 2.0)
    assert (pairs(logs), summaries(logs)) == (ids, [(3, False), (3, False), (0, True)])


def test_logs_rotate_at_their_size_and_a_slice_stays_together(logs: Logs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_mirrors, "_SLICE", 5)
    logs.rotate_bytes = 2_000
    logs.start()
    ids = add_rounds(logs.store, 40)
    logs.run()
    archives = sorted((logs.folder / "execution" / "archive").glob("orders_executed.jsonl.*"))
    assert len(archives) > 3
    assert all(2_000 <= archive.stat().st_size < 4_000 for archive in archives)
    assert not list(logs.folder.rglob("archive/*.jsonl"))
    assert len(logs.ids(ORDERS)) == len(set(logs.ids(ORDERS)) & set(ids)) == 160


def test_a_full_log_that_cannot_be_moved_is_told_and_grows_on(logs: Logs) -> None:
    logs.rotate_bytes = 10
    logs.start()
    (logs.folder / "archive").write_text("in the way")
    first = decide(logs.store, 1)
    logs.run()
    assert list(logs.mirrors.errors) == [SHADOW]
    second = decide(logs.store, 1)
    logs.run()
    assert logs.ids(SHADOW) == [first, second]
    assert mirror_files.ROTATE_BYTES == 10 * 1024 * 1024


def test_a_kill_behind_a_rotation_and_one_behind_the_next_append_double_no_line(
    logs: Logs, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs.rotate_bytes = 1
    logs.start()
    for point, rounds in (("after rename", 1), ("after append", 5)):
        add_rounds(logs.store, rounds)
        with monkeypatch.context() as killing:
            kill_at(point, killing)
            with pytest.raises(Killed):
                logs.run()
        logs.start()
    logs.run()
    for name in EVENT_MIRRORS:
        assert len(logs.ids(name)) == len(set(logs.ids(name))), name


def test_router_health_is_logged_within_ten_minutes_where_the_clock_was_set_back_since(
    logs: Logs, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs.publish("router_health.json", health(0.0, 1.0))
    logs.run()
    ahead = time.time() + 3600
    os.utime(logs.folder / HEALTH, (ahead, ahead))
    logs.start()
    later = time.monotonic() + 601
    monkeypatch.setattr(time, "monotonic", lambda: later)
    logs.publish("router_health.json", health(1.0, 1.0))
    logs.run()
    assert len(logs.lines(HEALTH)) == 2
