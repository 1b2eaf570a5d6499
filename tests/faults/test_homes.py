"""A home that others have their hands on: a second owner, a held file, a disk that takes no file, a deleted segment."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tape.execution.events import HeartbeatSent
from tape.store.errors import StoreError
from tape.store.journal.segments import JournalError, journal_folder, segment_paths
from tape.store.journal.writer import Journal
from tests.programs import fails, tape
from tests.store.old_logs import CLOSE, EXECUTED, text, write_files
from tests.tape.homes import published, rows
from tests.tape.owners import Serving, wait_for

QUIET = "[backup]\nevery_h = 0\n"


def beat(number: int) -> HeartbeatSent:
    return HeartbeatSent(ts=datetime.now(UTC), service=f"s{number}")


def stored(owner: Serving) -> int:
    return int(owner.value("select count(*) from heartbeats"))


def certificate(owner: Serving) -> dict[str, Any]:
    """What the owner says of the only producer's journal."""
    (found,) = owner.status()["journal"]
    return dict(found)


@pytest.fixture
def home(tmp_path: Path, empty_database: Path) -> Path:
    return fill(tmp_path / "home", empty_database)


def fill(home: Path, empty_database: Path) -> Path:
    """A home with an empty database, and backups switched off."""
    write_files(home, {"tape.toml": QUIET})
    (home / "logs").mkdir()
    shutil.copy(empty_database, home / "logs" / "tape.duckdb")
    return home


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mounts a file system in memory, with options, where that is allowed."""
    folder = tmp_path / "mounted"
    folder.mkdir()

    def mount(options: str) -> Path:
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            pytest.skip(f"needs to mount a tmpfs: {done.stderr.strip()}")
        return folder

    yield mount
    subprocess.run(["umount", "--lazy", folder], check=False, capture_output=True)


def test_of_owners_that_start_at_once_one_serves_and_the_others_name_it(home: Path) -> None:
    owners = [Serving(home) for _ in range(3)]
    try:
        wait_for(lambda: sum(each.process.poll() is not None for each in owners) == 2, "two do not give way")
        (first,) = (each for each in owners if each.process.poll() is None)
        with first, Journal(home, "executor") as journal:
            for each in owners:
                if each is not first:
                    assert each.process.returncode == 1
            assert first.log.count(f"tape: home {home} has a running owner, pid {first.pid}: stop it first") == 2
            journal.record([beat(1)])
            wait_for(lambda: stored(first) == 1, "the first was harmed")
            assert first.end() == 0
    finally:
        for each in owners:
            each.kill()


HOLDER = "import duckdb, sys; c = duckdb.connect(sys.argv[1], read_only=True); print(1, flush=True); sys.stdin.read()"


def test_an_owner_that_waits_for_a_reader_of_the_file_has_what_was_recorded_meanwhile(home: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, home / "logs" / "tape.duckdb"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"1\n"
        serving = Serving(home)
        try:
            with Journal(home, "executor") as journal:
                wait_for(lambda: "waiting: " in serving.log, "it does not say that it waits")
                assert f"PID {holder.pid}" in serving.log
                for number in range(100):
                    journal.record([beat(number)])
            holder.communicate()
            with serving:
                assert certificate(serving)["stored"] == 100
                assert serving.log.count("waiting: ") == 1
        finally:
            serving.kill()


def test_a_home_that_cannot_be_written_is_refused_in_one_line_and_can_be_read(
    mounted: Callable[[str], Path], empty_database: Path, tmp_path: Path
) -> None:
    home = fill(mounted("size=64m") / "home", empty_database)
    write_files(tmp_path / "old", {EXECUTED: text(CLOSE)})
    subprocess.run(["mount", "-o", "remount,ro", home.parent], check=True)
    for words in (
        ["serve"],
        ["run", "--seconds", "5"],
        ["import", tmp_path / "old"],
        ["export"],
        ["migrate"],
        ["toggle", "BTCUSDT", "--off"],
    ):
        fails(tape("--home", home, *words), 1, "Read-only file system", str(home))
    with pytest.raises(JournalError, match="Read-only file system"):
        Journal(home, "executor")
    assert tape("--home", home, "sql", "select count(*) as n from ticks", "--format", "json").json == [{"n": 0}]
    assert tape("--home", home, "export", "--out", tmp_path / "state").code == 0
    shown = tape("--home", home, "status")
    assert (shown.code, shown.out.splitlines()[-1]) == (1, "not ready: no owner runs")


def test_a_segment_that_was_deleted_before_the_start_is_named_as_a_gap_and_the_rest_is_stored(home: Path) -> None:
    with Journal(home, "executor", segment_bytes=1_000) as journal:
        for number in range(100):
            journal.record([beat(number)])
    segments = segment_paths(journal_folder(home))
    lost = segments[2].read_bytes().count(b"\n") - 1
    segments[2].unlink()
    with Serving(home) as owner:
        assert f"WARNING executor: recorded 1..100, stored 1..{100 - lost}, gaps {lost}" in owner.log
        assert stored(owner) == 100 - lost
        with Journal(home, "executor") as journal:
            journal.record([beat(100)])
            wait_for(lambda: stored(owner) == 101 - lost, "it does not go on")
        assert certificate(owner)["gaps"] == lost


def test_a_segment_that_is_deleted_under_a_running_owner_loses_what_was_unread_and_its_writer_begins_another(
    home: Path,
) -> None:
    with Serving(home) as owner, Journal(home, "executor") as journal:
        for number in range(10):
            journal.record([beat(number)])
        wait_for(lambda: stored(owner) == 10, "the first are not stored")
        owner.process.send_signal(signal.SIGSTOP)
        journal.record([beat(10)])
        (segment,) = segment_paths(journal_folder(home))
        segment.unlink()
        with pytest.raises(JournalError, match="batch 12 is written, but not synced: somebody deleted its segment"):
            journal.record([beat(11)], durable=True)
        for number in range(12, 20):
            assert journal.record([beat(number)], durable=True) == number + 1
        owner.process.send_signal(signal.SIGCONT)
        wait_for(lambda: stored(owner) == 18, "it does not go on")
        assert certificate(owner) | {"gaps": 2, "recorded": 20, "stored": 18} == certificate(owner)
        owner.end()
    with Serving(home) as again:
        assert "WARNING executor: recorded 1..20, stored 1..18, gaps 2" in again.log


def take_all_inodes(folder: Path) -> Path:
    """Makes empty files until no more can be made."""
    taken = folder / "taken"
    taken.mkdir()
    while os.statvfs(folder).f_ffree:
        (taken / str(os.statvfs(folder).f_ffree)).touch()
    return taken


def test_a_disk_that_takes_no_more_files_is_told_and_everything_goes_on_when_it_does(
    mounted: Callable[[str], Path], empty_database: Path
) -> None:
    """The supervisor is this test: it starts the owner again where it ends."""
    disk = mounted("size=4g,nr_inodes=400")
    home = fill(disk / "home", empty_database)
    with Journal(home, "executor") as journal, Serving(home) as first:
        wait_for(lambda: "nav.json" in published(home), "nothing is published")
        taken = take_all_inodes(disk)
        for number in range(200):
            journal.record([beat(number)])
            time.sleep(0.005)
        with pytest.raises(JournalError, match="No space left on device"):
            Journal(home, "other")
        wait_for(lambda: has_ended(first) or _troubles(first), "nobody says that files fail")
        assert "No space left on device" in first.log
        shutil.rmtree(taken)
        if has_ended(first):
            assert first.process.returncode == 1
            assert first.log.splitlines()[-1].startswith("tape: ")
        else:
            goes_on(first)
    with Serving(home) as second:
        goes_on(second)
    assert rows(home, "select count(distinct service) from heartbeats") == [(200,)]


def has_ended(owner: Serving) -> bool:
    return owner.process.poll() is not None


def goes_on(owner: Serving) -> None:
    """Everything is stored and published by itself, and it ends as it should."""
    wait_for(lambda: stored(owner) == 200, "what was recorded is not stored")
    wait_for(lambda: not _troubles(owner), f"it does not go on by itself: {owner.log}")
    assert certificate(owner)["gaps"] == 0
    assert owner.end() == 0


def _troubles(owner: Serving) -> list[str]:
    """What does not work, as the owner's status tells it."""
    try:
        status = owner.status()
    except StoreError:
        return []
    told = [each["error"] for each in [*status["files"].values(), *status["workers"].values()]]
    return [error for error in [*told, *status["mirrors"].values()] if error]


def test_an_owner_starts_on_a_disk_that_takes_no_more_files_or_says_why_not(
    mounted: Callable[[str], Path], empty_database: Path
) -> None:
    disk = mounted("size=4g,nr_inodes=400")
    home = fill(disk / "home", empty_database)
    taken = take_all_inodes(disk)
    ended = tape("--home", home, "serve")
    fails(ended, 1, "No space left on device")
    shutil.rmtree(taken)
    with Serving(home) as owner:
        assert owner.value("select 1") == 1
