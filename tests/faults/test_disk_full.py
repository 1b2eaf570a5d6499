"""A disk that runs full, at every stage: nothing acknowledged is lost, it is told, and it goes on when there is room.

Small disks are mounted where they run full; owner and producer are real ones.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

from tape.execution.events import HeartbeatSent
from tape.exporters.contract import STATE_FILES
from tape.store.journal.segments import journal_folder
from tape.store.journal.writer import Journal
from tests.conftest import ago
from tests.faults.disks import MB, Mount, mount
from tests.faults.supervised import Supervised
from tests.faults.trader import Trader, stored
from tests.programs import fails, tape
from tests.tape.homes import log_content
from tests.tape.owners import Serving, wait_for

__all__ = ["mount"]
VETOES = "execution/risk_vetoes.jsonl"
NO_GUARD = {"TAPE_STORE__WARN_FREE": "0MB", "TAPE_STORE__KEEP_FREE": "0MB"}
GUARD = {"TAPE_STORE__WARN_FREE": "24MiB", "TAPE_STORE__KEEP_FREE": "12MiB"}
NO_BACKUPS = {"TAPE_BACKUP__EVERY_H": "0"}


def put_database(home: Path, empty: Path) -> None:
    (home / "logs").mkdir(parents=True, exist_ok=True)
    shutil.copy(empty, home / "logs" / "tape.duckdb")


def mirrored(home: Path) -> list[str]:
    """The batches whose veto is in its log, in order."""
    whole, _, _ = log_content(home, VETOES).rpartition(b"\n")
    return [json.loads(line)["veto_reason"] for line in whole.splitlines()]


def equity(home: Path) -> float:
    """What nav.json says, which is whole whenever it is there: the number of the newest batch."""
    path = home / "logs" / "state" / "nav.json"
    return (json.loads(path.read_bytes())["total_equity"] or 0.0) if path.exists() else 0.0


def files_follow(trader: Trader) -> None:
    """Waits until they say what is recorded by now."""
    trader.records()
    upto = len(trader.recorded)
    wait_for(lambda: equity(trader.home) >= upto, "files do not follow")


def everything_is_there_once(owner: Supervised, trader: Trader) -> None:
    """Ends both: what was acknowledged is stored once, and mirrored once; files are whole."""
    trader.stop()
    wait_for(lambda: mirrored(owner.home)[-1:] == trader.recorded[-1:], "the log does not follow", 120)
    assert owner.end() == 0, owner.log
    assert stored(owner.home) == trader.recorded
    assert mirrored(owner.home) == trader.recorded
    state = owner.home / "logs" / "state"
    for file in STATE_FILES:
        file.model.model_validate(json.loads((state / file.name).read_bytes()))
    assert [path.name for path in state.iterdir() if path.name.startswith(".")] == []


def test_the_owner_warns_then_leaves_the_last_room_to_the_journal_and_goes_on(
    tmp_path: Path, empty_database: Path, mount: Mount
) -> None:
    disk = mount(tmp_path, 64)
    put_database(tmp_path, empty_database)
    with Supervised(tmp_path, **GUARD, **NO_BACKUPS) as owner, Trader(tmp_path) as trader:
        pid = owner.pid
        disk.fill(leave=20 * MB)
        wait_for(lambda: "make room; below 12.0 MB nothing is stored any more" in owner.log, "it does not warn")
        assert owner.status()["ready"], "a warning comes before it stops"  # type: ignore[index]
        disk.fill(leave=10 * MB)
        print(f"not ready after {owner.is_not_ready('nothing is stored, published or mirrored'):.2f} s")
        told = tape("--home", tmp_path, "status")
        assert told.code == 1
        assert "not ready: disk: disk of " in told.out
        assert tape("--home", tmp_path, "doctor").code == 2
        before = tape("--home", tmp_path, "sql", "select count(*) as n from ticks", "--format", "json").json
        trader.records(50)
        assert tape("--home", tmp_path, "sql", "select count(*) as n from ticks", "--format", "json").json == before
        assert trader.refusals == [], "the journal has the last room"
        disk.make_room()
        print(f"ready again after {owner.is_ready():.2f} s")
        files_follow(trader)
        assert owner.pid == pid, "it went on by itself"
        assert tape("--home", tmp_path, "status").code == 0
        everything_is_there_once(owner, trader)
        assert owner.log.count("ERROR disk: ") == owner.log.count("INFO disk works again") == 1
    assert owner.ended == []


def test_a_full_journal_is_told_to_the_producer_at_once_and_it_goes_on(tmp_path: Path, mount: Mount) -> None:
    disk = mount(journal_folder(tmp_path), 4)
    with Supervised(tmp_path, TAPE_STORE__KEEP_FREE="1MiB", **NO_BACKUPS) as owner, Trader(tmp_path) as trader:
        trader.records()
        disk.fill()
        trader.is_refused()
        print(f"not ready after {owner.is_not_ready('soon nothing can be recorded'):.2f} s")
        before = len(trader.refusals)
        wait_for(lambda: len(trader.refusals) > before + 20, "it does not go on")
        assert all("No space left" in told or "is the disk full?" in told for told in trader.refusals)
        disk.make_room()
        trader.records()
        print(f"ready again after {owner.is_ready():.2f} s")
        (journal,) = owner.status()["journal"]  # type: ignore[index]
        assert (journal["gaps"], journal["refused"]) == (0, 0), "half a line would be refused"
        everything_is_there_once(owner, trader)


def test_a_producer_that_drops_counts_what_a_full_disk_does_not_take(tmp_path: Path, mount: Mount) -> None:
    disk = mount(journal_folder(tmp_path), 1)
    with Journal(tmp_path, "feeder", on_error="drop") as journal:
        beats = [HeartbeatSent(ts=ago(), service="x" * 3000)]
        disk.fill(leave=10_000)
        numbers = [journal.record(beats) for _ in range(20)]
        assert 0 < journal.recorded < 20
        assert numbers.count(0) == journal.dropped == 20 - journal.recorded
        disk.make_room()
        assert journal.record(beats, durable=True) == 21


def test_a_write_ahead_log_that_cannot_grow_is_told_and_goes_on_in_the_same_process(
    tmp_path: Path, empty_database: Path, mount: Mount
) -> None:
    disk = mount(tmp_path / "logs", 16)
    mount(journal_folder(tmp_path), 16)
    put_database(tmp_path, empty_database)
    with Supervised(tmp_path, **NO_GUARD, **NO_BACKUPS) as owner, Trader(tmp_path) as trader:
        disk.fill()
        print(f"not ready after {owner.is_not_ready('No space left'):.2f} s")
        trader.records()
        assert trader.refusals == []
        disk.make_room()
        print(f"ready again after {owner.is_ready():.2f} s")
        everything_is_there_once(owner, trader)
    assert owner.ended == []


def test_a_checkpoint_that_finds_no_room_ends_it_with_one_line_and_the_next_one_goes_on(
    tmp_path: Path, empty_database: Path, mount: Mount
) -> None:
    disk = mount(tmp_path / "logs", 24)
    mount(journal_folder(tmp_path), 64)
    put_database(tmp_path, empty_database)
    small_log = {"TAPE_STORE__CHECKPOINT_WAL": "1MB"}
    with (
        Supervised(tmp_path, **NO_GUARD, **NO_BACKUPS, **small_log) as owner,
        Trader(tmp_path, padding=20_000) as trader,
    ):
        trader.records()
        disk.fill(leave=2 * MB)
        wait_for(lambda: owner.ended, "it does not end", 120)
        code, log = owner.ended[0]
        assert code == 1
        assert log.splitlines()[-1].startswith(f"tape: database {tmp_path / 'logs' / 'tape.duckdb'} can no longer be")
        assert "Traceback" not in log.partition("can no longer be used")[2]
        trader.records()
        assert trader.refusals == []
        disk.make_room()
        print(f"ready again after {owner.is_ready():.2f} s")
        everything_is_there_once(owner, trader)
    assert {code for code, _ in owner.ended} == {1}


def test_a_state_file_that_finds_no_room_stays_whole_and_is_published_again(tmp_path: Path, mount: Mount) -> None:
    disk = mount(tmp_path / "logs" / "state", 2)
    with Supervised(tmp_path, **NO_BACKUPS) as owner, Trader(tmp_path) as trader:
        files_follow(trader)
        disk.fill()
        print(f"not ready after {owner.is_not_ready('nav.json: '):.2f} s")
        before = equity(tmp_path)
        trader.records()
        assert equity(tmp_path) == before > 0
        assert owner.log.count("nav.json cannot be published") == 1
        disk.make_room()
        print(f"ready again after {owner.is_ready():.2f} s")
        files_follow(trader)
        everything_is_there_once(owner, trader)


def test_a_mirror_that_finds_no_room_goes_on_with_whole_lines(tmp_path: Path, mount: Mount) -> None:
    disk = mount(tmp_path / "logs" / "execution", 2)
    with Supervised(tmp_path, **NO_BACKUPS) as owner, Trader(tmp_path, padding=1_000) as trader:
        trader.records()
        disk.fill()
        print(f"not ready after {owner.is_not_ready(f'mirror {VETOES}: '):.2f} s")
        trader.records()
        disk.make_room()
        print(f"ready again after {owner.is_ready():.2f} s")
        everything_is_there_once(owner, trader)


def test_a_backup_that_finds_no_room_is_refused_before_it_takes_any(tmp_path: Path, mount: Mount) -> None:
    disk = mount(tmp_path / "logs" / "backup", 1)
    with Serving(tmp_path) as owner, Trader(tmp_path) as trader:
        wait_for(lambda: owner.status()["workers"]["housekeeping"]["error"], "it says nothing")
        told = owner.status()["workers"]["housekeeping"]["error"]
        assert "backup " in told
        assert "expected room for " in told
        fails(tape("--home", tmp_path, "backup", tmp_path / "logs" / "backup" / "b"), 1, "expected room for")
        assert list(disk.folder.iterdir()) == []
        shown = tape("--home", tmp_path, "status")
        assert (shown.code, "failing: housekeeping: backup" in shown.out) == (0, True)
        trader.records()
        assert owner.status()["not_ready"] == []


def test_on_the_disk_of_the_journal_a_backup_is_made_only_where_it_leaves_room(
    tmp_path: Path, empty_database: Path, mount: Mount
) -> None:
    disk = mount(tmp_path, 32)
    put_database(tmp_path, empty_database)
    disk.fill(leave=13 * MB)
    with Serving(tmp_path, **GUARD) as owner:
        wait_for(lambda: owner.status()["workers"]["housekeeping"]["error"], "it makes a backup")
        told = owner.status()["workers"]["housekeeping"]["error"]
        assert "expected room for " in told
        assert "12.0 MB that are kept for the journal" in told
        assert owner.status()["ready"]
        disk.make_room()
        assert tape("--home", tmp_path, "backup", tmp_path / "copy.duckdb").code == 0


SORTS = "select count(*) from (select md5(range::varchar) as m from range(3000000) order by m limit 2900000)"


def test_a_query_that_spills_cannot_take_the_last_room(tmp_path: Path, empty_database: Path, mount: Mount) -> None:
    disk = mount(tmp_path, 48)
    put_database(tmp_path, empty_database)
    (tmp_path / "tape.toml").write_text('[store]\nmemory_limit = "100MB"\n')
    with Trader(tmp_path) as trader:
        fails(tape("--home", tmp_path, "sql", SORTS), 1, "memory")
        trader.records()
        assert trader.refusals == []
    assert disk.free > 36 * MB, "what was spilled is not given back"


def test_a_query_of_an_owner_is_ended_before_it_spills(tmp_path: Path, empty_database: Path, mount: Mount) -> None:
    disk = mount(tmp_path, 48)
    put_database(tmp_path, empty_database)
    limits = {"TAPE_STORE__MEMORY_LIMIT": "100MB", "TAPE_DOOR__MEMORY": "64MB", "TAPE_DOOR__TIMEOUT_S": "100"}
    with Serving(tmp_path, **GUARD, **NO_BACKUPS, **limits) as owner, Trader(tmp_path) as trader:
        fails(tape("--home", tmp_path, "sql", SORTS), 1, "takes more memory than it may")
        trader.records()
        assert trader.refusals == []
        assert disk.free > 36 * MB
        wait_for(lambda: owner.status()["ready"], "it does not go on")


def test_an_owner_started_on_a_full_disk_serves_and_stores_when_there_is_room(
    tmp_path: Path, empty_database: Path, mount: Mount
) -> None:
    disk = mount(tmp_path, 32)
    put_database(tmp_path, empty_database)
    with Trader(tmp_path) as trader:
        trader.records()
        disk.fill(leave=4 * MB)
        with Serving(tmp_path, **GUARD, **NO_BACKUPS) as owner:
            assert owner.value("select count(*) from ticks") == 0
            wait_for(lambda: not owner.status()["ready"], "it says nothing of it")
            disk.make_room()
            wait_for(lambda: owner.value("select count(*) from ticks") >= 20, "it stores nothing")
            wait_for(lambda: owner.status()["ready"], "it is not ready")
            trader.stop()
            assert owner.end() == 0
        assert stored(tmp_path) == trader.recorded


def test_an_executor_that_cannot_record_is_over_and_says_so_in_one_line(tmp_path: Path, mount: Mount) -> None:
    disk = mount(journal_folder(tmp_path), 1)
    (tmp_path / "tape.toml").write_text("[backup]\nevery_h = 0\n[executor]\ninterval_s = 0.05\n")
    disk.fill(leave=100_000)
    over = tape("--home", tmp_path, "run", "--seconds", "50")
    assert over.code == 1
    assert over.err.splitlines()[-1].startswith("tape: journal of executor: batch ")
    assert "is not written: " in over.err.splitlines()[-1]
    again = tape("--home", tmp_path, "run", "--seconds", "50")
    assert again.code == 1
    assert "cannot create a segment: [Errno 28] No space left" in again.err.splitlines()[-1]
    disk.make_room()
    assert tape("--home", tmp_path, "run", "--seconds", "1").code == 0


def test_a_command_that_cannot_record_fails_in_one_line(tmp_path: Path, mount: Mount) -> None:
    disk = mount(journal_folder(tmp_path), 1)
    disk.fill()
    fails(tape("--home", tmp_path, "toggle", "BTCUSDT", "--off"), 1, "cannot create a segment", "No space left")


def test_whatever_fills_and_whenever_nothing_acknowledged_is_lost(
    tmp_path: Path, empty_database: Path, mount: Mount, chance: Random, times: Callable[[int, int, int], int]
) -> None:
    disks = {name: mount(tmp_path / "logs" / name, 24) for name in ("", "journal", "state", "execution")}
    put_database(tmp_path, empty_database)
    guard = chance.choice([NO_GUARD, {**GUARD, "TAPE_STORE__KEEP_FREE": "2MiB"}])
    with (
        Supervised(tmp_path, **guard, **NO_BACKUPS, TAPE_STORE__CHECKPOINT_WAL="1MB") as owner,
        Trader(tmp_path, padding=chance.choice([0, 2_000])) as trader,
    ):
        for _ in range(times(2, 4, 60)):
            for disk in chance.sample(list(disks.values()), chance.randint(1, 3)):
                disk.fill(leave=chance.choice([0, 0, 4096, 100_000, 3 * MB]))
            time.sleep(chance.uniform(0, 1.5))
            for disk in disks.values():
                disk.make_room()
            if chance.random() < 0.5:
                trader.records(5)
        owner.is_ready()
        everything_is_there_once(owner, trader)
    print(f"{len(trader.recorded)} recorded, {len(trader.refusals)} refused, ended {len(owner.ended)} times")
    assert {code for code, _ in owner.ended} <= {1}
