"""The owner as a process: one per home, nothing lost or doubled however it ends, everything else goes through it."""

from __future__ import annotations

import json
import resource
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from subprocess import PIPE
from typing import Any

import duckdb
import pytest

from tape.client.owner_socket import ask
from tape.execution.default_limits import with_defaults
from tape.execution.events import HeartbeatSent, MarkObserved, Ticked
from tape.exporters.contract import STATE_FILES
from tape.owner.scratch import scratch_folder, scratch_prefix
from tape.store.database import closing, open_database
from tape.store.errors import StoreError
from tape.store.journal.segments import journal_folder, segment_paths
from tape.store.journal.writer import Journal
from tests.programs import Ended, Program, fails, run, tape
from tests.store.old_logs import CLOSE, EXECUTED, text, write_files
from tests.tape.homes import published, reaches, rows
from tests.tape.owners import SOON_S, Serving, wait_for

NOW = datetime.now(UTC)


def beat(number: int = 0) -> HeartbeatSent:
    return HeartbeatSent(ts=NOW, service=f"s{number}")


def _holds(owner: Serving, table: str, count: int) -> bool:
    return bool(owner.value(f"select count(*) from {table}") == count)


@pytest.fixture
def home(tmp_path: Path, empty_database: Path) -> Path:
    """A home with an empty database, and backups switched off."""
    write_files(tmp_path, {"tape.toml": "[backup]\nevery_h = 0\n"})
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "tape.duckdb").write_bytes(empty_database.read_bytes())
    return tmp_path


@pytest.fixture
def owner(home: Path) -> Iterator[Serving]:
    with Serving(home) as serving:
        yield serving


def test_what_is_recorded_is_stored_published_and_mirrored(tmp_path: Path) -> None:
    with Serving(tmp_path) as owner, Journal(tmp_path, "executor") as journal:
        wait_for(lambda: published(tmp_path) == {file.name for file in STATE_FILES}, "not all files are published")
        journal.write_event("risk_veto", {"ts": NOW.isoformat(), "symbol": "BTCUSDT", "veto_reason": "min_notional"})
        journal.record([Ticked(ts=datetime.now(UTC), equity_usd=123.0)])
        nav = tmp_path / "logs" / "state" / "nav.json"
        wait_for(lambda: json.loads(nav.read_bytes())["nav"] == 123.0, "nav.json does not move")
        wait_for(partial(reaches, tmp_path, "execution/risk_vetoes.jsonl", 1), "the veto is not mirrored")
        assert owner.value("select count(*) from ticks") == 1
        assert owner.end() == 0, owner.log


def test_a_second_owner_and_what_needs_the_database_alone_are_refused_with_the_pid(owner: Serving) -> None:
    write_files(owner.home / "old", {EXECUTED: text(CLOSE)})
    fails(tape("--home", owner.home, "serve"), 1, f"pid {owner.pid}")
    fails(tape("--home", owner.home, "migrate"), 1, f"pid {owner.pid}")
    fails(tape("--home", owner.home, "import", owner.home / "old"), 1, f"pid {owner.pid}")
    assert owner.value("select count(*) from order_closes") == 0


@pytest.mark.thorough
def test_commands_give_through_the_owner_what_they_give_without(home: Path, tmp_path: Path) -> None:
    with Journal(home, "executor") as journal:
        journal.record([Ticked(ts=NOW, equity_usd=5.0), MarkObserved(ts=NOW, symbol="BTCUSDT", mark_price=1.5)])
    query = (
        "select ts, mark_price, 1.5 as decimal, null as nothing, [1, 2] as list, {'a': ts} as struct, true as yes,"
        " 'x,\"y' as quoted, date '2025-01-02' as day, (select as_of from clock) as at from marks"
    )
    later = (NOW + timedelta(hours=1)).isoformat()
    words = [
        *(["sql", query, "--as-of", later, "--format", form] for form in ("json", "csv", "table")),
        ["show", "nav_now", "--as-of", later, "--json"],
        ["sql", "selec 1"],
    ]

    def told() -> list[Ended]:
        return [tape("--home", home, *each) for each in words]

    def exported(out: Path) -> dict[str, bytes]:
        assert tape("--home", home, "export", "--as-of", later, "--out", out / "state").code == 0
        assert tape("--home", home, "export", "--jsonl", "--as-of", later, "--out", out / "logs").code == 0
        return {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()}

    with Serving(home) as owner:
        wait_for(lambda: owner.value("select count(*) from marks") == 1, "the mark is not stored")
        through = told(), exported(tmp_path / "a"), tape("--home", home, "status", "--json").json
        assert tape("--home", home, "backup", tmp_path / "a.duckdb").code == 0
        assert owner.end() == 0, owner.log
    without = told(), exported(tmp_path / "b"), tape("--home", home, "status", "--json").json
    assert through[0] == without[0]
    assert through[1] == without[1]
    assert len(through[1]) == 14 + 6
    assert through[2].items() >= {"tables": without[2]["tables"], "journal": without[2]["journal"]}.items()
    with closing(open_database(tmp_path / "a.duckdb", read_only=True)) as copy:
        assert copy.execute("select count(*) from marks").fetchone() == (1,)
    fails(tape("--home", home, "backup", tmp_path / "a.duckdb"), 1, "expected no file")


def test_export_of_the_newest_instant_goes_through_the_owner(owner: Serving, tmp_path: Path) -> None:
    with Journal(owner.home, "executor") as journal:
        journal.record([Ticked(ts=datetime(2025, 1, 2, tzinfo=UTC), equity_usd=5.0)])
    wait_for(lambda: owner.value("select count(*) from ticks") == 1, "the tick is not stored")
    assert tape("--home", owner.home, "export", "nav", "--as-of", "newest", "--out", tmp_path / "x").code == 0
    assert json.loads((tmp_path / "x" / "nav.json").read_bytes())["updated_at"] == "2025-01-02T00:00:00Z"


def test_beside_the_owner_nobody_opens_the_file_also_after_a_backup(owner: Serving, tmp_path: Path) -> None:
    assert tape("--home", owner.home, "backup", tmp_path / "copy.duckdb").code == 0
    with pytest.raises(duckdb.IOException, match="Conflicting lock"):
        duckdb.connect(owner.home / "logs" / "tape.duckdb", read_only=True)


def test_an_owner_that_waits_for_a_lock_can_be_ended(home: Path) -> None:
    with closing(duckdb.connect(home / "logs" / "tape.duckdb")):
        serving = Serving(home)
        wait_for(lambda: "waiting" in serving.log, "it does not wait")
        assert serving.end() == 0


@pytest.mark.rows(1)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_within_two_seconds_and_loses_nothing(owner: Serving, number: int) -> None:
    with Journal(owner.home, "executor") as journal:
        for each in range(2_000):
            journal.record([beat(each)])
        began = time.monotonic()
        assert owner.end(number) == 0, owner.log
        assert time.monotonic() - began < SOON_S
    assert "Traceback" not in owner.log
    assert rows(owner.home, "select count(distinct service) from heartbeats") == [(2_000,)]


@pytest.mark.thorough
def test_a_signal_in_a_long_backlog_ends_it_soon_and_the_next_owner_goes_on(owner: Serving) -> None:
    with Journal(owner.home, "executor") as journal:
        for each in range(400):
            journal.record([beat(each)] * 1_000)
        time.sleep(0.5)
        began = time.monotonic()
        assert owner.end() == 0, owner.log
        assert time.monotonic() - began < SOON_S
    assert "Traceback" not in owner.log
    (stored,) = rows(owner.home, "select count(*) from heartbeats")[0]
    assert stored % 1_000 == 0
    assert ("nothing is lost: ingest: not done in time" in owner.log) == (stored < 400_000)
    with Serving(owner.home) as second:
        wait_for(lambda: second.value("select count(*) from heartbeats") == 400_000, "the backlog is not stored")
        assert second.status()["journal"][0]["gaps"] == 0
        assert second.end() == 0


def test_a_signal_during_a_query_ends_it_soon(owner: Serving) -> None:
    told: list[str] = []

    def run_away() -> None:
        try:
            owner.query("select count(*) from range(10000000) as a (x), range(10000000) as b (x) where a.x + b.x = -1")
        except StoreError as error:
            told.append(str(error))

    thread = threading.Thread(target=run_away)
    thread.start()
    time.sleep(0.5)
    began = time.monotonic()
    assert owner.end() == 0, owner.log
    assert time.monotonic() - began < SOON_S
    thread.join(30)
    assert told, "the client hangs"


@pytest.mark.thorough
def test_limits_and_universe_of_the_settings_are_recorded_once_and_again_when_they_change(home: Path) -> None:
    def kinds() -> list[tuple[str, dict[str, Any]]]:
        found = rows(home, "select kind, payload from config_snapshots order by ingest_seq")
        return [(kind, json.loads(payload)) for kind, payload in found]

    toml = '[backup]\nevery_h = 0\n[limits.global]\nmax_trade_nav_pct = {}\n[universe]\nuniverse = ["BTCUSDT"]\n'

    def whole(percent: int) -> list[tuple[str, dict[str, Any]]]:
        given = {"global": {"max_trade_nav_pct": percent}}
        return list(zip(("limits", "universe"), with_defaults(given, {"universe": ["BTCUSDT"]}), strict=True))

    first = whole(10)
    for percent, expected in (
        (10, first),
        (10, first),
        (5, [*first, whole(5)[0]]),
    ):
        (home / "tape.toml").write_text(toml.format(percent))
        with Serving(home) as owner:
            wait_for(lambda: "risk_snapshot.json" in published(home), "nothing is published")
            assert owner.value("select count(*) from configured_symbols") == 1
            owner.kill()
        assert kinds() == expected


def test_intervals_are_settings(home: Path) -> None:
    with (home / "tape.toml").open("a") as file:
        file.write("[intervals]\nv6_runtime_probe = 0.2\n")
    with Serving(home) as owner:
        wait_for(
            lambda: owner.status()["files"]["v6_runtime_probe.json"]["published"] >= 4, "the probe is not published"
        )
        assert owner.status()["files"]["pipeline_v6_compare_summary.json"]["published"] == 1


def test_the_first_backup_is_made_at_once_and_covers_what_is_stored(tmp_path: Path) -> None:
    with Journal(tmp_path, "executor") as journal:
        journal.record([beat()])
    with Serving(tmp_path) as owner:
        wait_for(lambda: owner.status()["last_backup"], "no backup is made")
        copy = tmp_path / "logs" / "backup" / owner.status()["last_backup"]
        with closing(open_database(copy, read_only=True)) as connection:
            assert connection.execute("select count(*) from heartbeats").fetchone() == (1,)
        assert [path.suffix for path in journal_folder(tmp_path).iterdir()] == [".gz"]
        assert owner.end() == 0


def test_the_start_says_what_is_recorded_and_stored(home: Path) -> None:
    with Journal(home, "executor") as journal:
        for each in range(3):
            journal.record([beat(each)])
    with Serving(home) as owner:
        assert "executor: recorded 1..3, stored 1..3, gaps 0" in owner.log


@pytest.mark.thorough
def test_a_failing_file_and_mirror_are_told_by_status_and_stop_nothing(owner: Serving) -> None:
    wait_for(lambda: "nav.json" in published(owner.home), "nothing is published")
    nav, vetoes = owner.home / "logs" / "state" / "nav.json", owner.home / "logs" / "execution" / "risk_vetoes.jsonl"
    nav.unlink()
    nav.mkdir()
    vetoes.mkdir(parents=True)
    with Journal(owner.home, "executor") as journal:
        journal.write_event("risk_veto", {"ts": NOW.isoformat(), "symbol": "BTCUSDT", "veto_reason": "min_notional"})
        journal.record([Ticked(ts=datetime.now(UTC), equity_usd=1.0)])
        wait_for(lambda: owner.status()["files"]["nav.json"]["failures"] >= 2, "the failure is not counted")
        wait_for(lambda: owner.status()["mirrors"]["execution/risk_vetoes.jsonl"], "the mirror's failure is not told")
    shown = tape("--home", owner.home, "status").out
    assert "Is a directory" in shown
    assert owner.log.count("nav.json cannot be published") == 1
    assert owner.status()["files"]["synced_state.json"]["error"] is None
    nav.rmdir()
    wait_for(lambda: nav.is_file(), "it is not tried again")


def test_a_file_that_is_no_database_ends_it_with_one_line(home: Path) -> None:
    (home / "logs" / "tape.duckdb").write_bytes(b"no database " * 1000)
    ended = tape("--home", home, "serve")
    assert ended.code == 1
    assert "Traceback" not in ended.err
    assert ended.err.splitlines()[-1].startswith("tape: ")
    assert str(home / "logs" / "tape.duckdb") in ended.err.splitlines()[-1]


def test_a_database_with_a_damaged_block_ends_it_with_one_line(home: Path) -> None:
    path = home / "logs" / "tape.duckdb"
    content = bytearray(path.read_bytes())
    for at in range(12_288 + 64, len(content), 4096):
        content[at] ^= 0xFF
    path.write_bytes(content)
    ended = tape("--home", home, "serve")
    assert ended.code != 0
    assert "Traceback" not in ended.err, ended.err
    assert ended.err.splitlines()[-1].startswith("tape: ")


@contextmanager
def limited(home: Path, room: int) -> Iterator[Program]:
    """An owner that the kernel lets write no file larger than the database and so many bytes, as a full disk does."""
    size = (home / "logs" / "tape.duckdb").stat().st_size + room
    code = (
        "import resource, sys, runpy;"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, resource.RLIM_INFINITY));"
        f"sys.argv = ['tape', '--home', {str(home)!r}, 'serve'];"
        "runpy.run_module('tape', run_name='__main__')"
    )
    with (home / "serve.log").open("wb") as log:
        process = Program("-c", code, stderr=log)
    try:
        wait_for(lambda: (home / "logs" / "tape.sock").exists(), "the owner does not start")
        yield process
    finally:
        process.kill()
        process.wait()


def marks(count: int) -> list[MarkObserved]:
    return [MarkObserved(ts=NOW, symbol=f"S{number}", mark_price=1.0 + number) for number in range(count)]


def test_a_disk_that_is_full_for_a_while_loses_nothing(home: Path) -> None:
    with limited(home, 100_000) as process, Journal(home, "executor") as journal:

        def ingest() -> dict[str, Any]:
            return dict(ask(home, {"request": "status"})["workers"]["ingest"])

        while not ingest()["error"]:
            assert process.poll() is None
            for _ in range(50):
                journal.record(marks(100))
        assert "File too large" in ingest()["error"]
        failures = ingest()["failures"]
        wait_for(lambda: ingest()["failures"] > failures, "it does not try again")
        assert (home / "serve.log").read_text().count("ERROR ingest") == 1
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        wait_for(lambda: not ingest()["error"], "it does not recover")
        process.terminate()
        assert process.wait(60) == 0
        recorded = journal.recorded_events
    assert rows(home, "select count(*), count(distinct event_id) from marks") == [(recorded, recorded)]


BREAKS = """
import sys
from itertools import count
import duckdb
from tape.cli.app import run
from tape.store.ingest.ingest import Ingest

steps, run_once = count(), Ingest.run_once
def breaks(self):
    if next(steps) > 5:
        raise duckdb.FatalException("FATAL Error: database has been invalidated\\nbecause of a previous fatal error")
    return run_once(self)
Ingest.run_once = breaks
sys.argv = ["tape", "--home", sys.argv[1], "serve"]
run()
"""


def test_a_database_that_breaks_ends_it_non_zero_with_one_line(home: Path) -> None:
    """The fault is injected: what DuckDB raises once an open database is invalid."""
    ended = run("-c", BREAKS, home)
    assert ended.code == 1
    expected = f"tape: database {home / 'logs' / 'tape.duckdb'} can no longer be used: FATAL Error: database has been"
    assert ended.err.splitlines()[-1].startswith(expected)
    assert "Traceback" not in ended.err
    with Serving(home) as again:
        assert again.value("select 1") == 1


@pytest.mark.thorough
def test_the_write_ahead_log_is_moved_into_the_file_while_it_serves(home: Path) -> None:
    with (home / "tape.toml").open("a") as file:
        file.write('[store]\ncheckpoint_wal = "1MB"\n')
    with Serving(home) as owner, Journal(home, "executor") as journal:
        before, largest = owner.status()["database_bytes"], 0
        for number in range(1, 31):
            for _ in range(20):
                journal.record(marks(100))
            wait_for(partial(_holds, owner, "marks", number * 2_000), "the marks are not stored")
            largest = max(largest, owner.status()["wal_bytes"])
        assert owner.status()["database_bytes"] > before
        assert largest < 2_500_000


PRODUCER = """
import sys
from datetime import UTC, datetime
from tape.execution.events import HeartbeatSent
from tape.store.journal.writer import Journal

journal = Journal(sys.argv[1], "executor")
for number in range(10**9):
    journal.record([HeartbeatSent(ts=datetime.now(UTC), service=f"s{number}") for _ in range(3)])
    if number == 500:
        print(1, flush=True)
"""


def test_scratch_that_a_killed_owner_left_in_memory_is_removed_by_the_next_and_no_other(tmp_path: Path) -> None:
    home, other = tmp_path / "home", tmp_path / "other"
    with scratch_folder(other) as beside, Serving(home) as owner:
        owner.kill()
        parent = Path(beside).parent
        left = list(parent.glob(f"{scratch_prefix(home)}*"))
        assert len(left) == 1
        with scratch_folder(home) as folder:
            assert list(parent.glob(f"{scratch_prefix(home)}*")) == [Path(folder)]
        assert Path(beside).is_dir()


def test_a_producer_that_is_killed_leaves_whole_batches(home: Path) -> None:
    with Program("-c", PRODUCER, home, stdout=PIPE) as producer:
        assert producer.stdout.readline() == b"1\n"
        producer.kill()
    (path,) = segment_paths(journal_folder(home))
    whole = path.read_bytes()
    whole = whole[: whole.rfind(b"\n") + 1]
    path.write_bytes(whole + whole.splitlines()[-1][:-9])
    with Serving(home) as owner:
        batches = whole.count(b"\n") - 1
        counts = "select count(*), count(distinct event_id) from heartbeats"
        assert owner.query(counts)["rows"] == [[3 * batches, 3 * batches]]
        assert owner.value("select reason from rejected_events").startswith("line ends too early")
        assert owner.status()["journal"][0]["gaps"] == 0
