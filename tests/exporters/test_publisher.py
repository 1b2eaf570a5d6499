"""A file is published when its inputs changed or it is old enough; each publication is recorded as it is on disk."""

from __future__ import annotations

import hashlib
import json
import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import orjson
import pytest

from tape.exporters import publisher as publisher_module
from tape.exporters.contract import STATE_FILES, StateFile, state_file
from tape.exporters.publisher import NotRepublished, Publication, Publisher, republish
from tape.exporters.state_files import render
from tape.store.query.round import content_tables, open_round
from tape.store.views.sql_files import sql_objects
from tests.conftest import AS_OF, GivenRows, ago

CONFIGURED = '{"ENV": "test"}'


class Clock:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def monotonic(self) -> float:
        return self.now_s


class Published:
    """A store with its publisher, on a clock of the test's own."""

    def __init__(self, store: GivenRows, folder: Path, clock: Clock) -> None:
        self.store, self.folder, self.clock = store, folder, clock
        self.versions: dict[str, int] = {}
        self.writing = threading.RLock()
        self.publisher = Publisher(store.connection, folder, configured=CONFIGURED)

    def add(self, table: str, **columns: Any) -> None:
        self.store.add(table, ago(minutes=1), **columns)
        self.versions[table] = self.store._seq
        self.store.connection.execute("delete from ingest_counter")
        self.store.connection.execute("insert into ingest_counter values (?)", [self.store._seq])

    def after(self, seconds: float = 0.0) -> set[str]:
        """What is published so many seconds later."""
        self.clock.now_s += seconds
        as_of = AS_OF + timedelta(seconds=self.clock.now_s - 1000)
        return set(self.publisher.publish_due(self.versions, as_of, writing=self.writing))

    def of(self, name: str) -> Publication:
        return next(each for each in self.publisher.publications if each.file.name == name)

    def exports(self) -> list[dict[str, Any]]:
        return self.store.rows("from exports order by export_id")


@pytest.fixture
def published(store: GivenRows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Published]:
    clock = Clock()
    monkeypatch.setattr("tape.exporters.publisher.time.monotonic", clock.monotonic)
    published = Published(store, tmp_path / "state", clock)
    yield published
    published.publisher.close()


ALL = {file.name for file in STATE_FILES}
EVERY_TICK = {file.name for file in STATE_FILES if file.every_s == 1}
INTEL = {file.name for file in STATE_FILES if file.at_once}


def test_at_its_start_everything_is_published_and_then_nothing(published: Published) -> None:
    assert published.after() == ALL
    assert {path.name for path in published.folder.iterdir()} == ALL
    assert published.after(1) == published.after(50) == set()


def test_a_tick_moves_the_files_of_every_tick_after_a_second(published: Published) -> None:
    published.after()
    published.add("ticks", equity_usd=1.0)
    assert published.after(0.9) == set()
    moved = published.after(0.1)
    assert moved == {name for name in EVERY_TICK if "ticks" in content_tables(published.of(name).file.view)}
    assert {"nav.json", "synced_state.json"} <= moved
    assert published.after(1) == set()


@pytest.mark.parametrize("table", ["order_closes", "order_metrics"])
def test_a_trade_moves_the_intel_files_after_a_tick(published: Published, table: str) -> None:
    published.after()
    columns = {"realized_pnl_usd": 1.0, "fees_usd": 0.1} if table == "order_closes" else {}
    published.add(table, symbol="BTCUSDT", **columns)
    assert published.after(0.5) == set()
    moved = published.after(0.5)
    assert len(INTEL) == 3
    assert moved >= {name for name in INTEL if table in content_tables(published.of(name).file.view)}


def test_what_is_not_at_once_waits_for_its_interval(published: Published) -> None:
    published.after()
    published.add("config_snapshots", kind="universe", payload={"universe": ["BTCUSDT"]})
    assert not published.after(1) & INTEL
    assert not published.after(118) & INTEL
    assert published.after(1) >= INTEL - {"expectancy_v6.json"}


def test_without_news_a_file_is_published_at_its_maximum_age(published: Published) -> None:
    published.after()
    ages: dict[str, int] = {}
    for at in range(1, 1801):
        for name in published.after(1):
            ages.setdefault(name, at)
    assert ages == {file.name: int(file.max_age_s) for file in STATE_FILES}


@pytest.mark.parametrize(
    ("stem", "given_s", "every_s", "max_age_s"),
    [("nav", 5.0, 5.0, 60.0), ("nav", 90.0, 90.0, 90.0), ("v6_runtime_probe", 30.0, 30.0, 30.0)],
)
def test_intervals_are_settings(
    store: GivenRows, tmp_path: Path, stem: str, given_s: float, every_s: float, max_age_s: float
) -> None:
    publisher = Publisher(store.connection, tmp_path / "s", configured=CONFIGURED, intervals={stem: given_s})
    found = {each.file.stem: each for each in publisher.publications}
    assert (found[stem].every_s, found[stem].max_age_s) == (every_s, max_age_s)
    assert all(each.every_s == each.file.every_s for name, each in found.items() if name != stem)
    publisher.close()


def test_every_publication_is_recorded_as_it_is_on_disk(published: Published) -> None:
    digests = {item.name: item.code_digest for item in sql_objects()}
    for number in range(3):
        published.add("ticks", equity_usd=float(number + 1))
        moved = published.after(1)
        as_of = AS_OF + timedelta(seconds=number + 1)
        rows = published.exports()[-len(moved) :]
        assert {row["file"] for row in rows} == moved
        for row in rows:
            content = (published.folder / row["file"]).read_bytes()
            assert row["md5"] == hashlib.md5(content, usedforsecurity=False).hexdigest()
            assert (row["as_of"], row["known_seq"]) == (as_of, number + 1)
            assert row["sql_digest"] == digests[state_file(row["file"]).view]
            assert row["configured"] == CONFIGURED
    ids = [row["export_id"] for row in published.exports()]
    assert ids == list(range(1, len(ids) + 1))


def test_the_next_publisher_goes_on_counting(published: Published, tmp_path: Path) -> None:
    published.after()
    again = Published(published.store, tmp_path / "again", published.clock)
    again.after()
    again.publisher.close()
    assert [row["export_id"] for row in again.exports()] == list(range(1, 2 * len(STATE_FILES) + 1))


def test_what_was_recorded_makes_the_file_again_although_rows_came_since(published: Published) -> None:
    published.add("ticks", equity_usd=1.0)
    published.after()
    before = (published.folder / "nav.json").read_bytes()
    published.add("ticks", equity_usd=2.0)
    row = next(row for row in published.exports() if row["file"] == "nav.json")
    with open_round(
        published.store.connection, as_of=row["as_of"], known_seq=row["known_seq"], configured=row["configured"]
    ) as reading:
        assert render(state_file("nav"), reading) == before


@pytest.mark.thorough
def test_a_publication_by_other_sql_that_says_the_same_is_made_again(published: Published, tmp_path: Path) -> None:
    published.add("ticks", equity_usd=1.0)
    published.after()
    published.store.connection.execute("update exports set sql_digest = 'of another version'")
    for row in published.exports():
        path = republish(published.store.connection, row["export_id"], tmp_path / "again")
        assert path.read_bytes() == (published.folder / row["file"]).read_bytes()


@pytest.mark.thorough
def test_an_older_publication_without_todays_counts_is_made_again(published: Published, tmp_path: Path) -> None:
    """Up to commit 86c8267 nothing said that a mark is missing, an unknown PnL was null, and a few keys stood once."""
    published.add("ticks", equity_usd=1.0)
    published.add("positions", symbol="BTCUSDT", qty=1.0, entry_price=90.0)
    published.after()
    nav = json.loads((published.folder / "nav.json").read_bytes())
    assert nav.pop("unmarked_positions") == 1
    assert "unrealized_pnl" not in nav
    assert (nav.pop("drawdown"), nav.pop("realized_pnl"), [point["equity"] for point in nav.pop("points")]) == (
        0,
        0,
        [1.0],
    )
    keys = list(nav)
    at = keys.index("realized_pnl_today") + 1
    older = {**{key: nav[key] for key in keys[:at]}, "unrealized_pnl": None, **{key: nav[key] for key in keys[at:]}}
    content = orjson.dumps(older, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    published.store.connection.execute("update exports set md5 = ? where file = 'nav.json'", [md5])
    export_id = next(row["export_id"] for row in published.exports() if row["file"] == "nav.json")
    assert republish(published.store.connection, export_id, tmp_path / "again").read_bytes() == content


def test_a_publication_that_did_not_say_what_stopped_is_made_again(published: Published, tmp_path: Path) -> None:
    """Up to commit b71f177 no file did."""
    published.store.add("ticks", ago(days=22), equity_usd=1.0, position_count=0)
    published.after()
    for name in ("nav.json", "expectancy_v6.json"):
        told = json.loads((published.folder / name).read_bytes())
        assert (told.pop("stale_s"), "executor" in told.pop("stale_inputs")) == (22 * 86_400, True)
        content = orjson.dumps(told, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
        published.store.connection.execute("update exports set md5 = ? where file = ?", [md5, name])
        export_id = next(row["export_id"] for row in published.exports() if row["file"] == name)
        assert republish(published.store.connection, export_id, tmp_path / "again").read_bytes() == content


ON_TICKS = {
    "nav.json",
    "positions.json",
    "risk_snapshot.json",
    "risk_allocation_suggestions_v6.json",
    "synced_state.json",
    "execution_quality.json",
    "reconciliation.json",
}


def test_when_an_input_stops_its_files_are_published_once_and_then_on_their_cadence(published: Published) -> None:
    """Ticks are 60 s old at the start and stop at 150 s."""
    published.add("ticks", equity_usd=1.0, position_count=0)
    published.after()
    assert published.after(60) == {"nav.json", "positions.json", "synced_state.json"}
    assert published.after(30) == set()
    assert published.after(1) == ON_TICKS
    for name in ON_TICKS:
        assert set(json.loads((published.folder / name).read_bytes())["stale_inputs"]) <= {"ticks", "positions"}
    assert published.after(1) == published.after(58) == set()
    assert published.after(1) == {"nav.json", "positions.json", "synced_state.json"}


def test_when_an_input_comes_back_its_files_say_so_with_the_next_step(published: Published) -> None:
    published.store.add("ticks", ago(days=22), equity_usd=1.0, position_count=0)
    published.after()
    assert "stale_s" in json.loads((published.folder / "router_health.json").read_bytes())
    published.store.add("ticks", ago(seconds=1), equity_usd=1.0, position_count=0)
    published.add("ticks", equity_usd=1.0, position_count=0)
    assert published.after(1) == EVERY_TICK
    for name in EVERY_TICK:
        assert "stale_s" not in json.loads((published.folder / name).read_bytes())
    published.add("ticks", equity_usd=1.0, position_count=0)
    assert "router_health.json" not in published.after(1), "it shows no tick"


@pytest.mark.rows(1)
@pytest.mark.parametrize(
    ("recorded_digest", "why"),
    [
        (None, "were its rows deleted?"),
        ("an-older-one-still", "published by other SQL or an older version, an-older-one"),
    ],
)
def test_a_publication_that_comes_out_otherwise_is_refused_and_its_digest_says_why(
    published: Published, tmp_path: Path, recorded_digest: str | None, why: str
) -> None:
    published.add("ticks", equity_usd=1.0)
    published.after()
    published.store.connection.execute("update ticks set equity_usd = 2")
    if recorded_digest is not None:
        published.store.connection.execute("update exports set sql_digest = ?", [recorded_digest])
    export_id = next(row["export_id"] for row in published.exports() if row["file"] == "nav.json")
    with pytest.raises(NotRepublished, match=re.escape(why)):
        republish(published.store.connection, export_id, tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_a_file_that_fails_does_not_stop_the_others(published: Published, caplog: pytest.LogCaptureFixture) -> None:
    published.add("ticks", equity_usd=float("inf"))
    with caplog.at_level(logging.INFO):
        assert "nav.json" not in (done := published.after())
        assert done >= ALL - {"nav.json", "synced_state.json", "expectancy_v6.json"} - INTEL
        failing = {each.file.name for each in published.publisher.publications if each.error}
        assert failing == ALL - done
        for _ in range(3):
            assert published.after(1) == set()
        assert (published.of("nav.json").failures, published.of("nav.json").published_at) == (4, None)
        assert sum("nav.json cannot be published" in record.message for record in caplog.records) == 1
        published.store.connection.execute("delete from ticks")
        assert "nav.json" in published.after(1)
        assert (published.of("nav.json").error, published.of("nav.json").failures) == (None, 4)
        assert sum("nav.json is published again" in record.message for record in caplog.records) == 1
    assert {row["file"] for row in published.exports()} >= done
    assert sum(row["file"] == "nav.json" for row in published.exports()) == 1


def test_a_file_that_failed_is_tried_again_within_three_seconds_whatever_its_interval(
    published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as failing:
        failing.setattr(publisher_module, "replace_file", fail)
        assert published.after() == set()
        assert {each.failures for each in published.publisher.publications} == {1}
    assert published.after(1) == EVERY_TICK
    assert published.after(2) == ALL - EVERY_TICK


@pytest.mark.rows(1)
@pytest.mark.parametrize("is_kept", [False, True])
def test_what_could_not_be_recorded_is_recorded_once_before_anything_more_is_published(
    published: Published, monkeypatch: pytest.MonkeyPatch, is_kept: bool
) -> None:
    """A commit that fails on a full disk may have kept its rows all the same."""

    @contextmanager
    def failing(cursor: duckdb.DuckDBPyConnection) -> Iterator[None]:
        cursor.execute("begin transaction")
        yield
        cursor.execute("commit" if is_kept else "rollback")
        raise duckdb.TransactionException("Failed to commit: No space left on device")

    with monkeypatch.context() as breaking:
        breaking.setattr(publisher_module, "transaction", failing)
        with pytest.raises(duckdb.TransactionException):
            published.after()
        published.add("ticks", equity_usd=1.0)
        before = (published.folder / "nav.json").read_bytes()
        if not is_kept:
            with pytest.raises(duckdb.TransactionException):
                published.after(1)
        assert (published.folder / "nav.json").read_bytes() == before
    assert "nav.json" in published.after(1)
    recorded = published.exports()
    assert len(recorded) > len(ALL)
    assert [row["export_id"] for row in recorded] == list(range(1, len(recorded) + 1))
    assert {row["file"] for row in recorded[: len(ALL)]} == ALL
    newest = {row["file"]: row["md5"] for row in recorded}
    for name, md5 in newest.items():
        assert hashlib.md5((published.folder / name).read_bytes(), usedforsecurity=False).hexdigest() == md5


def test_an_old_file_stays_while_it_fails(published: Published) -> None:
    published.after()
    before = (published.folder / "nav.json").read_bytes()
    published.add("ticks", equity_usd=float("inf"))
    published.after(1)
    assert (published.folder / "nav.json").read_bytes() == before
    assert published.of("nav.json").published_at == 1000.0


@pytest.mark.rows(1)
@pytest.mark.parametrize("error", [TypeError("x"), ValueError(), KeyError("x"), duckdb.BinderException("x\ny")])
def test_whatever_fails_in_one_file_the_others_are_published(
    published: Published, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(file: StateFile, reading: Any) -> bytes:
        if file.stem == "positions":
            raise error
        return render(file, reading)

    monkeypatch.setattr(publisher_module, "render", failing)
    assert published.after() == ALL - {"positions.json"}
    assert published.of("positions.json").error


@pytest.mark.rows(1)
@pytest.mark.parametrize("error", [duckdb.FatalException("FATAL"), duckdb.IOException("database has been invalidated")])
def test_a_broken_database_is_raised(
    published: Published, error: duckdb.Error, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(publisher_module, "render", fail)
    with pytest.raises(type(error)):
        published.after()


def test_the_pause_is_held_only_while_exports_are_recorded(
    published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[bool] = []

    class Watched:
        def __enter__(self) -> None:
            held.append(True)

        def __exit__(self, *_: object) -> None:
            held.append(False)

    def watching(file: StateFile, reading: Any) -> bytes:
        assert not held
        return render(file, reading)

    monkeypatch.setattr(publisher_module, "render", watching)
    published.publisher.publish_due({}, datetime.now(UTC), writing=Watched())
    assert held == [True, False]


def test_a_reader_of_a_published_file_reads_what_is_configured(published: Published) -> None:
    published.after()
    assert json.loads((published.folder / "v6_runtime_probe.json").read_bytes())["ENV"] == "test"
