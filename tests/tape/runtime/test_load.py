"""The load generator records a realistic mix through the real journal, and says exactly what it recorded."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from random import Random

import duckdb
import orjson
import pytest

from tape.execution.events import EVENTS_BY_TYPE, Event
from tape.runtime.load import Market, load_one
from tape.store.ingest.ingest import Ingest
from tape.store.journal.segments import journal_folder, read_header, segment_paths
from tape.store.journal.writer import Journal
from tests.programs import tape


def recorded(home: Path) -> list[list[tuple[str, dict[str, object]]]]:
    """The batches in a journal."""
    return [
        orjson.loads(line.split(b" ", 3)[3])
        for path in segment_paths(journal_folder(home))
        for line in path.read_bytes().splitlines()[1:]
    ]


def counted(home: Path) -> Counter[str]:
    return Counter(kind for batch in recorded(home) for kind, _ in batch)


def test_it_says_how_many_of_each_it_recorded(tmp_path: Path) -> None:
    loaded = load_one(tmp_path, "load_0", rate=2_000, seconds=0.5, seed=1)
    assert loaded.events == counted(tmp_path)
    assert loaded.batches == len(recorded(tmp_path))
    assert (loaded.producers, loaded.dropped) == (["load_0"], 0)


def test_a_run_holds_every_event_of_an_executor_and_ends_in_time(tmp_path: Path) -> None:
    loaded = load_one(tmp_path, "load_0", rate=1_000, seconds=1.5, seed=1)
    named = {event_type for event_type in EVENTS_BY_TYPE if event_type != "router_health"}
    assert named - loaded.events.keys() <= {"order_error"}, "rare enough to be missing"
    total = sum(loaded.events.values())
    assert total <= 1_000 * 1.5 + 100, "no faster than asked"
    assert loaded.events["tick"] in (1, 2)


def test_the_same_seed_makes_the_same_decisions(tmp_path: Path) -> None:
    def decisions(name: str, seed: int) -> list[tuple[str, object, object]]:
        with Journal(tmp_path / name, "load") as journal:
            batches = Market(Random(seed), journal).batches(lambda: 0.0)  # noqa: S311 (seeded on purpose)
            events: list[Event] = [event for _ in range(200) for event in next(batches)]
        return [(type(e).__name__, getattr(e, "symbol", None), getattr(e, "realized_pnl_usd", None)) for e in events]

    assert decisions("a", 1) == decisions("b", 1)
    assert decisions("c", 2) != decisions("d", 1)


def test_a_tick_comes_every_second_with_positions_and_marks(tmp_path: Path) -> None:
    with Journal(tmp_path, "load") as journal:
        seconds = iter([0.0, 0.5, 1.0, 1.5, 2.0, *[2.1] * 1000])
        batches = Market(Random(1), journal).batches(lambda: next(seconds))  # noqa: S311 (seeded on purpose)
        kinds = [[type(event).__name__ for event in next(batches)] for _ in range(30)]
    ticks = [batch for batch in kinds if "Ticked" in batch]
    assert len(ticks) == 3
    assert all(Counter(batch) == Counter(ticks[0]) for batch in ticks)
    assert Counter(ticks[0])["PositionMarked"] == 4


def test_all_that_it_records_is_stored(tmp_path: Path, store_of_home: tuple[Path, duckdb.DuckDBPyConnection]) -> None:
    home, connection = store_of_home
    loaded = load_one(home, "load_0", rate=3_000, seconds=0.5, seed=5)
    (tmp_path / "scratch").mkdir()
    done = Ingest(connection, home, tmp_path / "scratch").run_once()
    assert (done.events, done.refused) == (sum(loaded.events.values()), 0)
    for event_type, count in loaded.events.items():
        table = EVENTS_BY_TYPE[event_type].table
        assert connection.execute(f"select count(distinct event_id) from {table}").fetchall() == [(count,)]


@pytest.fixture
def store_of_home(database: Path) -> tuple[Path, duckdb.DuckDBPyConnection]:
    from tape.store.database import open_database

    return database.parent.parent, open_database(database)


def test_several_producers_are_processes_of_their_own(tmp_path: Path) -> None:
    words = ["load", "--rate", "300", "--seconds", "0.5", "--producers", "2", "--seed", "7", "--json"]
    ended = tape("--home", tmp_path, *words)
    assert (ended.code, ended.err) == (0, "")
    assert ended.json["producers"] == ["load_0", "load_1"]
    assert Counter(ended.json["events"]) == counted(tmp_path)
    headers = [read_header(path) for path in segment_paths(journal_folder(tmp_path))]
    assert len({header.pid for header in headers}) == 2
    assert json.loads(ended.out)["dropped"] == 0


def test_it_says_in_words_what_it_recorded(tmp_path: Path) -> None:
    ended = tape("--home", tmp_path, "load", "--rate", "50", "--seconds", "0.3")
    assert (ended.code, ended.err) == (0, "")
    assert f"{sum(counted(tmp_path).values()):,} events in" in ended.out
