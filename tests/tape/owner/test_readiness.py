"""An owner is ready when it answers, stores, publishes and mirrors; else it says why."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from tape.doctor.store import STUCK_S
from tape.execution.events import Ticked
from tape.exporters.mirrors.live import Mirrors
from tape.exporters.publisher import Publisher
from tape.owner.clock import Clock
from tape.owner.disk import Disk
from tape.owner.housekeeping import Housekeeping
from tape.owner.live import Live
from tape.owner.readiness import not_ready
from tape.owner.worker import Worker
from tape.settings import load_settings
from tape.store.ingest.ingest import Ingest
from tape.store.journal.segments import journal_folder
from tape.store.journal.writer import Journal
from tape.store.own_files import OwnFiles
from tests.conftest import GivenRows
from tests.programs import tape
from tests.tape.owners import Serving, wait_for


@pytest.fixture
def live(store: GivenRows, database: Path) -> Iterator[Live]:
    """One whose workers rest: each has just worked."""
    home = database.parent.parent
    settings, connection = load_settings(home), store.connection
    names = ("ingest", "publish", "mirror", "housekeeping", "disk")
    live = Live(
        home=home,
        settings=settings,
        started=datetime.now(UTC),
        connection=connection,
        own=OwnFiles(home),
        clock=Clock(None),
        ingest=Ingest(connection, home, home),
        publisher=Publisher(connection, home / "logs" / "state", configured="{}"),
        publishing=threading.Lock(),
        mirrors=Mirrors(connection, home / "logs"),
        housekeeping=Housekeeping(connection, home, settings, Disk(home, settings.store), nullcontext()),
        workers=[Worker(name, 1.0, lambda: None, worked_at=time.monotonic()) for name in names],
        break_off=lambda error: None,
    )
    yield live
    live.publisher.close()
    live.mirrors.close()


@pytest.mark.parametrize(
    ("worker", "error", "idle_s", "reasons"),
    [
        ("ingest", "no space left", 0.0, ["ingest: no space left"]),
        ("disk", "no room", 0.0, ["disk: no room"]),
        ("publish", None, 2 * STUCK_S, ["publish: has finished nothing for 2.0 min"]),
        ("mirror", None, STUCK_S / 2, []),
        ("housekeeping", "no backup", 10 * STUCK_S, []),
    ],
)
def test_a_worker_that_fails_or_is_stuck_is_a_reason_and_a_failing_backup_is_none(
    live: Live, worker: str, error: str | None, idle_s: float, reasons: list[str]
) -> None:
    assert not_ready(live) == []
    for each in live.workers:
        if each.name == worker:
            each.error, each.worked_at = error, time.monotonic() - idle_s
    assert not_ready(live) == reasons


def test_a_file_or_log_that_cannot_be_written_is_a_reason(live: Live) -> None:
    live.publisher.publications[0].error = "no space left"
    live.mirrors.errors["router_health.jsonl"] = "no space left"
    name = live.publisher.publications[0].file.name
    assert not_ready(live) == [f"{name}: no space left", "mirror router_health.jsonl: no space left"]


def test_a_segment_that_cannot_be_read_is_a_reason(live: Live) -> None:
    (journal_folder(live.home) / "feed-r-000001.journal").mkdir(parents=True)
    live.ingest.run_once()
    assert not_ready(live) == ["segment feed-r-000001.journal cannot be read: Is a directory"]


def test_a_database_that_answers_no_more_is_a_reason(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fault is injected: what DuckDB raises once an open database is invalid."""

    class Broken:
        def cursor(self) -> duckdb.DuckDBPyConnection:
            raise duckdb.FatalException("FATAL Error: database has been invalidated\nbecause")

    monkeypatch.setattr(live, "connection", Broken())
    assert not_ready(live) == ["query: FATAL Error: database has been invalidated because"]


def test_status_says_in_its_code_whether_the_owner_is_ready(database: Path) -> None:
    home = database.parent.parent
    absent = tape("--home", home, "status", "--json")
    assert (absent.code, absent.json["ready"], absent.json["not_ready"]) == (1, False, ["no owner runs"])
    assert "not ready: no owner runs" in tape("--home", home, "status").out
    with Serving(home, TAPE_BACKUP__EVERY_H="0") as owner:
        wait_for(lambda: owner.status()["ready"], "it is not ready")
        present = tape("--home", home, "status", "--json")
        assert (present.code, present.json["ready"], present.json["not_ready"]) == (0, True, [])
        nav = home / "logs" / "state" / "nav.json"
        wait_for(nav.exists, "nothing is published")
        nav.unlink()
        nav.mkdir()
        with Journal(home, "executor") as journal:
            journal.record([Ticked(ts=datetime.now(UTC), equity_usd=1.0)])
        wait_for(lambda: not owner.status()["ready"], "it does not say so")
        failing = tape("--home", home, "status", "--json")
        assert failing.code == 1
        assert [reason.partition(":")[0] for reason in failing.json["not_ready"]] == ["nav.json"]
        assert tape("--home", home, "doctor").code == 2


def test_an_owner_that_does_not_answer_is_not_ready(database: Path) -> None:
    home = database.parent.parent
    with Serving(home, TAPE_BACKUP__EVERY_H="0") as owner:
        (home / "logs" / "tape.sock").unlink()
        ended = tape("--home", home, "status", "--json")
        assert (ended.code, ended.json["ready"]) == (1, False)
        assert "does not answer" in json.dumps(ended.json["not_ready"])
        assert owner.process.poll() is None
