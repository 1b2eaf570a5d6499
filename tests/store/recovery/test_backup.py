"""A backup is a whole copy or none; a segment is deleted only when a backup holds it."""

from __future__ import annotations

import gzip
import os
import resource
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from tape.execution.events import HeartbeatSent
from tape.store.database import closing, open_database
from tape.store.ingest.ingest import Ingest
from tape.store.journal.segments import journal_folder
from tape.store.journal.writer import Journal
from tape.store.query.round import LiveRounds
from tape.store.recovery import backup as backups_module
from tape.store.recovery.backup import (
    BackupFailed,
    backup,
    backups,
    compress,
    compress_segments,
    dated_name,
    delete_covered_segments,
    forget_all_but,
    forget_unfinished,
    is_backup_due,
    last_seq_of,
    next_name,
)
from tests.conftest import AS_OF, GivenRows, ago

NOW = datetime.now(UTC)


def equities(path: Path) -> list[float]:
    with closing(open_database(path, read_only=True)) as connection:
        return [value for (value,) in connection.execute("select equity_usd from ticks order by ts").fetchall()]


def opened_by_another_process(database: Path) -> str:
    """What another process gets that opens the database read-write."""
    code = f"import duckdb; duckdb.connect({str(database)!r})"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False).stderr


def test_a_reader_of_what_was_changed_since_holds_no_backup_up(
    store: GivenRows, database: Path, tmp_path: Path
) -> None:
    store.add("ticks", ago(minutes=1), equity_usd=1.0)
    reader = store.connection.cursor()
    reader.execute("begin transaction")
    assert reader.execute("select count(*) from ticks").fetchall() == [(1,)]
    store.connection.execute("update ticks set equity_usd = 2.0")
    with pytest.raises(duckdb.TransactionException):
        store.connection.execute("checkpoint")
    to = backup(store.connection, database, tmp_path / "new" / "copy.duckdb", writing=nullcontext())
    reader.execute("rollback")
    assert equities(to) == [2.0]
    assert list(to.parent.iterdir()) == [to], "its write-ahead log is in it"


def test_a_backup_holds_what_the_database_held(store: GivenRows, database: Path, tmp_path: Path) -> None:
    store.add("ticks", ago(minutes=1), equity_usd=1.0)
    to = backup(store.connection, database, tmp_path / "new" / "copy.duckdb", writing=nullcontext())
    store.add("ticks", AS_OF, equity_usd=2.0)
    assert equities(to) == [1.0]
    assert to.stat().st_mode & 0o777 == 0o600
    assert list(to.parent.iterdir()) == [to]


def test_after_a_backup_the_database_is_still_closed_to_other_processes(
    store: GivenRows, database: Path, tmp_path: Path
) -> None:
    assert "Conflicting lock" in opened_by_another_process(database)
    backup(store.connection, database, tmp_path / "copy.duckdb", writing=nullcontext())
    assert "Conflicting lock" in opened_by_another_process(database)


def test_a_backup_holds_the_pause_while_it_copies_and_no_longer(
    store: GivenRows, database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writing = threading.Lock()
    seen: list[tuple[str, bool]] = []
    copy, verify = backups_module.copy_file, backups_module._verify

    def copying(source: Path, target: Path) -> None:
        seen.append(("copy", writing.locked()))
        copy(source, target)

    def verifying(path: Path, last_seq: int) -> None:
        seen.append(("verify", writing.locked()))
        verify(path, last_seq)

    monkeypatch.setattr(backups_module, "copy_file", copying)
    monkeypatch.setattr(backups_module, "_verify", verifying)
    backup(store.connection, database, tmp_path / "copy.duckdb", writing=writing)
    assert seen == [("copy", True), ("verify", False)]
    assert not writing.locked()


def test_a_backup_works_beside_open_rounds_and_readers(store: GivenRows, database: Path, tmp_path: Path) -> None:
    store.add("ticks", ago(minutes=1), equity_usd=1.0)
    reader = store.connection.cursor()
    reader.execute("begin transaction read only")
    reader.execute("select count(*) from ticks")
    rounds = LiveRounds(store.connection, "{}")
    store.add("ticks", ago(seconds=1), equity_usd=2.0)
    with rounds.open(AS_OF, {}) as reading:
        reading.one("nav_document")
        to = backup(store.connection.cursor(), database, tmp_path / "copy.duckdb", writing=nullcontext())
    reader.execute("rollback")
    rounds.close()
    assert equities(to) == [1.0, 2.0]


def test_a_backup_overwrites_nothing(store: GivenRows, database: Path, tmp_path: Path) -> None:
    there = tmp_path / "copy.duckdb"
    there.write_bytes(b"precious")
    with pytest.raises(BackupFailed, match="expected no file"):
        backup(store.connection, database, there, writing=nullcontext())
    assert there.read_bytes() == b"precious"


def test_a_copy_that_is_not_the_same_is_not_kept(
    store: GivenRows, database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = tmp_path / "old.duckdb"
    shutil.copy(database, old)
    monkeypatch.setattr(backups_module, "copy_file", lambda source, target: shutil.copy(old, target))
    with pytest.raises(BackupFailed, match="expected rows up to number 1000000, found 0"):
        backup(store.connection, database, tmp_path / "kept" / "copy.duckdb", writing=nullcontext())
    assert list((tmp_path / "kept").iterdir()) == []


def test_a_copy_that_cannot_be_written_is_told_and_not_kept(
    store: GivenRows, database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    stub = tmp_path / "dd"
    stub.write_text('#!/bin/sh\necho half > "${2#of=}"\necho "dd: no space\nleft" >&2\nexit 1\n')
    stub.chmod(0o755)
    with pytest.raises(BackupFailed, match="no space left"):
        backup(store.connection, database, tmp_path / "kept" / "copy.duckdb", writing=nullcontext())
    assert list((tmp_path / "kept").iterdir()) == []


def test_the_oldest_backups_are_forgotten(tmp_path: Path) -> None:
    names = [dated_name(NOW + timedelta(hours=hour)) for hour in range(4)]
    own = ["mine.duckdb", "tape-before-upgrade.duckdb"]
    for name in [*names, *own]:
        (tmp_path / name).touch()
    assert [path.name for path in backups(tmp_path)] == names
    forget_all_but(tmp_path, 2)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*own, *names[2:]])


def test_a_backup_is_due_when_there_is_none_or_only_an_old_one(tmp_path: Path) -> None:
    day = timedelta(days=1)
    assert is_backup_due(tmp_path, day, NOW, 0)
    newest = tmp_path / dated_name(NOW)
    newest.touch()
    os.utime(newest, (NOW.timestamp(), NOW.timestamp()))
    assert not is_backup_due(tmp_path, day, NOW + day - timedelta(seconds=1), 0)
    assert is_backup_due(tmp_path, day, NOW + day, 0)


def test_a_backup_is_due_until_one_holds_what_was_imported_whatever_the_clock_said(
    store: GivenRows, database: Path, tmp_path: Path
) -> None:
    """No journal has what was imported."""
    folder, day = tmp_path / "backup", timedelta(days=1)

    def back_up(now: datetime) -> int:
        to = backup(store.connection, database, folder / next_name(folder, now), writing=nullcontext())
        os.utime(to, (now.timestamp(), now.timestamp()))
        return last_seq_of(to)

    imported = back_up(NOW) + 1
    assert is_backup_due(folder, day, NOW, imported)
    store.connection.execute("update ingest_counter set last_ingest_seq = ?", [imported])
    assert back_up(NOW + timedelta(seconds=30)) == imported
    assert not is_backup_due(folder, day, NOW + timedelta(seconds=60), imported)


def test_a_damaged_backup_holds_no_import(tmp_path: Path) -> None:
    newest = tmp_path / dated_name(NOW)
    newest.write_bytes(b"no database")
    os.utime(newest, (NOW.timestamp(), NOW.timestamp()))
    assert is_backup_due(tmp_path, timedelta(days=1), NOW, 1)


def test_compressing_keeps_every_byte_and_leaves_one_file(tmp_path: Path) -> None:
    path = tmp_path / "a.journal"
    content = os.urandom(3_000_000)
    path.write_bytes(content)
    (tmp_path / "a.journal.gz").write_bytes(b"half of an earlier try")
    assert gzip.decompress(compress(path).read_bytes()) == content
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.journal.gz"]


def test_a_full_disk_leaves_the_file_as_it_is_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "a.journal"
    path.write_bytes(os.urandom(300_000))
    whole = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            compress(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [(entry.name, entry.read_bytes()) for entry in tmp_path.iterdir()] == [("a.journal", whole)]


@pytest.fixture
def journaled(store: GivenRows, database: Path, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """Two segments in the store: a finished one and one whose producer still runs."""
    done, running = Journal(tmp_path, "done"), Journal(tmp_path, "running")
    for journal in (done, running):
        journal.record([HeartbeatSent(ts=NOW, service="a")])
    done.close()
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    Ingest(store.connection.cursor(), tmp_path, scratch).run_once()
    names = sorted(path.name for path in journal_folder(tmp_path).glob("*.journal"))
    yield names[0], names[1]
    running.close()


def finished(connection: duckdb.DuckDBPyConnection) -> set[str]:
    return {name for (name,) in connection.execute("select segment from journal_segments where is_finished").fetchall()}


def test_only_segments_that_are_stored_to_their_end_are_compressed(
    store: GivenRows, journaled: tuple[str, str], tmp_path: Path
) -> None:
    assert compress_segments(tmp_path, finished(store.connection)) == [journaled[0]]
    assert sorted(path.name for path in journal_folder(tmp_path).iterdir()) == [f"{journaled[0]}.gz", journaled[1]]


def test_a_segment_is_deleted_only_when_it_is_old_and_a_backup_holds_it(
    store: GivenRows, journaled: tuple[str, str], database: Path, tmp_path: Path, empty_database: Path
) -> None:
    compress_segments(tmp_path, finished(store.connection))
    before = tmp_path / "before.duckdb"
    shutil.copy(empty_database, before)
    later = datetime.now(UTC) + timedelta(hours=1)
    assert delete_covered_segments(tmp_path, [before], older_than=later) == []
    to = backup(store.connection, database, tmp_path / "copy.duckdb", writing=nullcontext())
    assert delete_covered_segments(tmp_path, [to], older_than=NOW - timedelta(hours=1)) == []
    assert delete_covered_segments(tmp_path, [to], older_than=later) == [f"{journaled[0]}.gz"]
    assert [path.name for path in journal_folder(tmp_path).iterdir()] == [journaled[1]]


def test_a_copy_replaces_no_file_of_another_program(store: GivenRows, database: Path, tmp_path: Path) -> None:
    mine = tmp_path / ".copy.duckdb.part"
    mine.write_text("mine, and no database")
    with pytest.raises(BackupFailed, match="expected no other program's file"):
        backup(store.connection, database, tmp_path / "copy.duckdb", writing=nullcontext())
    assert mine.read_text() == "mine, and no database"
    others = tmp_path / ".tape-notes.duckdb.txt"
    others.touch()
    assert forget_unfinished(tmp_path) == []
    assert others.exists()


def test_what_killed_copies_left_is_removed_and_backups_stay(tmp_path: Path) -> None:
    kept = tmp_path / dated_name(NOW)
    left = [f".{kept.name}.part", f".{kept.name}.part.wal", f".{kept.name}.tmp"]
    for name in [kept.name, "notes.txt", *left[:2]]:
        (tmp_path / name).touch()
    (tmp_path / left[2]).mkdir()
    (tmp_path / left[2] / "spilled").touch()
    assert forget_unfinished(tmp_path) == left
    assert sorted(path.name for path in tmp_path.iterdir()) == ["notes.txt", kept.name]
    assert forget_unfinished(tmp_path / "nowhere") == []


def test_the_next_name_is_a_second_behind_the_last_also_within_its_second_and_where_the_clock_went_back(
    tmp_path: Path,
) -> None:
    assert next_name(tmp_path, NOW) == dated_name(NOW)
    (tmp_path / dated_name(NOW)).touch()
    second = timedelta(seconds=1)
    assert next_name(tmp_path, NOW) == next_name(tmp_path, NOW - timedelta(days=1)) == dated_name(NOW + second)
    assert next_name(tmp_path, NOW + second) == dated_name(NOW + second)


def test_a_backup_of_the_future_says_nothing_of_its_age_so_another_is_due(tmp_path: Path) -> None:
    newest = tmp_path / dated_name(NOW)
    newest.touch()
    os.utime(newest, (NOW.timestamp() + 1, NOW.timestamp() + 1))
    assert is_backup_due(tmp_path, timedelta(days=1), NOW, 0)
    assert not is_backup_due(tmp_path, timedelta(days=1), NOW + timedelta(seconds=1), 0)


def test_a_segment_goes_only_where_every_backup_holds_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = journal_folder(tmp_path)
    journal.mkdir(parents=True)
    names = [f"executor-r-00000{number}.journal" for number in (1, 2, 3)]
    for name in names:
        (journal / f"{name}.gz").touch()
    held = {tmp_path / "a": {*names[:2]}, tmp_path / "b": {*names[1:]}}
    monkeypatch.setattr(backups_module, "_finished_in", held.__getitem__)
    gone = backups_module.delete_covered_segments(
        tmp_path, list(held), older_than=datetime.now(UTC) + timedelta(days=1)
    )
    assert gone == [f"{names[1]}.gz"]
    assert sorted(path.name for path in journal.iterdir()) == [f"{names[0]}.gz", f"{names[2]}.gz"]
