"""State files are written whole or not at all, and their bytes depend on rows and instant alone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import orjson
import pytest
from pydantic import ValidationError

from examples.sample_logs import DEFAULT_END
from tape.exporters.contract import STATE_FILES, state_file
from tape.exporters.state_files import finite, forget_unfinished, publish, render, write_atomically
from tape.store.database import Resources, closing, open_database
from tape.store.query.round import open_round
from tests.conftest import AS_OF, GivenRows, ago
from tests.templates import day_home


@pytest.fixture(scope="module")
def sample_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database holding a sample of one day; open it read-only."""
    path = tmp_path_factory.mktemp("sample") / "tape.duckdb"
    shutil.copy(day_home() / "logs" / "tape.duckdb", path)
    return path


def _published(database: Path, folder: Path, *, threads: int = 2) -> dict[str, bytes]:
    resources = Resources(threads=threads)
    with (
        closing(open_database(database, resources, read_only=True)) as connection,
        open_round(connection, as_of=DEFAULT_END - timedelta(hours=1)) as reading,
    ):
        return {path.name: path.read_bytes() for path in publish(reading, folder)}


def test_an_empty_store_publishes_all_files(store: GivenRows, tmp_path: Path) -> None:
    with open_round(store.connection, as_of=AS_OF) as reading:
        paths = publish(reading, tmp_path / "new" / "state")
    assert [path.name for path in paths] == [file.name for file in STATE_FILES]
    assert all(json.loads(path.read_bytes()) for path in paths)
    assert sorted(paths) == sorted((tmp_path / "new" / "state").iterdir())


def test_publishing_again_gives_the_same_bytes_with_one_thread_or_two(sample_database: Path, tmp_path: Path) -> None:
    first = _published(sample_database, tmp_path / "first")
    assert _published(sample_database, tmp_path / "first") == first
    assert _published(sample_database, tmp_path / "second", threads=1) == first


def test_rows_of_a_later_time_do_not_change_an_earlier_instant(store: GivenRows, tmp_path: Path) -> None:
    def rows(moment: timedelta) -> None:
        ts = AS_OF + moment
        store.add(
            "ticks", ts, equity_usd=100.0 + store.connection.execute("select count(*) from ticks").fetchall()[0][0]
        )
        store.close("BTCUSDT", 5.0, ts)
        store.add("order_metrics", ts, symbol="BTCUSDT", slippage_bps=2.0, maker_start=True, is_maker_final=True)
        store.add("marks", ts, symbol="BTCUSDT", mark_price=100.0)
        store.add("vetoes", ts, symbol="BTCUSDT", veto_reason="min_notional")
        store.add("shadow_decisions", ts, symbol="BTCUSDT", is_heartbeat=False, is_allowed=True, decision={"a": 1})
        store.add("heartbeats", ts, service="executor")

    store.universe("BTCUSDT")
    rows(timedelta(minutes=-5))
    with open_round(store.connection, as_of=AS_OF) as reading:
        before = {file.name: render(file, reading) for file in STATE_FILES}
    rows(timedelta(microseconds=1))
    rows(timedelta(hours=5))
    with open_round(store.connection, as_of=AS_OF) as reading:
        assert {file.name: render(file, reading) for file in STATE_FILES} == before


def test_rows_stored_later_do_not_change_what_was_known(store: GivenRows) -> None:
    store.universe("BTCUSDT")
    store.close("BTCUSDT", 5.0, ago(hours=1))
    with open_round(store.connection, as_of=AS_OF, known_seq=2) as reading:
        before = {file.name: render(file, reading) for file in STATE_FILES}
    store.close("BTCUSDT", -3.0, ago(hours=2))
    with open_round(store.connection, as_of=AS_OF, known_seq=2) as reading:
        assert {file.name: render(file, reading) for file in STATE_FILES} == before
    with open_round(store.connection, as_of=AS_OF) as reading:
        assert orjson.loads(render(state_file("expectancy_v6"), reading))["sample_count"] == 2


def test_a_failing_render_leaves_the_old_file_and_no_temporary_one(store: GivenRows, tmp_path: Path) -> None:
    nav = state_file("nav")
    with open_round(store.connection, as_of=AS_OF) as reading:
        old = publish(reading, tmp_path / "state", [nav])[0].read_bytes()
    store.add("ticks", ago(minutes=1), equity_usd=float("inf"))
    with open_round(store.connection, as_of=AS_OF) as reading, pytest.raises(ValidationError):
        publish(reading, tmp_path / "state", [nav])
    assert [path.read_bytes() for path in (tmp_path / "state").iterdir()] == [old]


def test_a_write_that_fails_half_way_leaves_the_old_file_and_no_temporary_one(tmp_path: Path) -> None:
    path = write_atomically(tmp_path / "a.json", [b"old"])

    def content() -> Iterator[bytes]:
        yield b"new, but only ha"
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        write_atomically(path, content())
    assert {entry.name: entry.read_bytes() for entry in tmp_path.iterdir()} == {"a.json": b"old"}


def test_two_that_write_the_same_file_at_once_do_not_write_into_each_other(tmp_path: Path) -> None:
    path, halves = tmp_path / "a.json", threading.Barrier(2)

    def content(letter: bytes) -> Iterator[bytes]:
        yield letter * 10_000
        halves.wait(60)
        yield letter * 10_000

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda letter: write_atomically(path, content(letter)), [b"x", b"y"]))
    assert path.read_bytes() in (b"x" * 20_000, b"y" * 20_000)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.json"]


KILLED_WHILE_WRITING = """
import os, signal, sys
from pathlib import Path
from tape.exporters.state_files import write_atomically

def content():
    yield b"half"
    os.kill(os.getpid(), signal.SIGKILL)

write_atomically(Path(sys.argv[1]), content())
"""


def test_what_a_killed_process_left_half_written_is_removed_and_what_a_living_one_writes_is_not(tmp_path: Path) -> None:
    path = write_atomically(tmp_path / "nav.json", [b"old"])
    program = [sys.executable, "-c", KILLED_WHILE_WRITING, str(path)]
    with subprocess.Popen(program, cwd=Path(__file__).parents[2]) as killed:
        assert killed.wait() == -9
    own = tmp_path / f".nav.json.{os.getpid()}.1.tmp"
    own.touch()
    (left,) = forget_unfinished(tmp_path, ["nav.json"])
    assert left.startswith(f".nav.json.{killed.pid}.")
    assert {entry.name for entry in tmp_path.iterdir()} == {"nav.json", own.name}
    assert path.read_bytes() == b"old"


def test_a_reader_that_has_the_old_file_open_reads_it_to_its_end(tmp_path: Path) -> None:
    path = write_atomically(tmp_path / "a.json", [b"old" * 1000])
    with path.open("rb") as reader:
        assert reader.read(3) == b"old"
        write_atomically(path, [b"new"])
        assert reader.read() == b"old" * 999
    assert path.read_bytes() == b"new"


def test_nan_and_infinity_are_null_at_any_depth() -> None:
    value = {"a": [float("nan"), 1.5, {"b": float("-inf")}], "c": True, "d": "NaN", "e": 0}
    assert finite(value) == {"a": [None, 1.5, {"b": None}], "c": True, "d": "NaN", "e": 0}


def test_a_decision_with_nan_is_published_as_null(store: GivenRows) -> None:
    store.add("shadow_decisions", ago(minutes=1), is_heartbeat=False, is_allowed=True, decision={"x": float("nan")})
    with open_round(store.connection, as_of=AS_OF) as reading:
        document = json.loads(render(state_file("pipeline_v6_shadow_head"), reading))
    assert document["last_decision"] == {"x": None}


def test_a_flag_recorded_as_off_empties_its_files_and_they_stay_valid(store: GivenRows) -> None:
    store.universe("BTCUSDT")
    store.close("BTCUSDT", 5.0, ago(hours=1))
    on = dict.fromkeys(("is_risk_engine_on", "is_pipeline_shadow_on", "is_router_autotune_on"), True)
    store.add(
        "flag_snapshots",
        ago(minutes=1),
        **on,
        is_intel_on=False,
        is_feedback_allocator_on=False,
        is_router_autotune_apply_on=False,
        engine_version="e",
    )
    with open_round(store.connection, as_of=AS_OF) as reading:
        documents = {file.stem: json.loads(render(file, reading)) for file in STATE_FILES}
    assert documents["expectancy_v6"]["symbols"] == {}
    assert documents["symbol_scores_v6"]["symbols"] == []
    assert documents["risk_allocation_suggestions_v6"]["symbols"] == []
    assert documents["router_policy_suggestions_v6"]["symbols"] != []
    assert documents["v6_runtime_probe"]["INTEL_V6_ENABLED"] is False
