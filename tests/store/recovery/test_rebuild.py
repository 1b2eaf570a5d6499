"""A damaged or lost database comes back from a backup and the journal: all of it, or what is missing is named."""

from __future__ import annotations

import errno
import io
import shutil
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tape.owner.opening import open_to_own
from tape.store.database import closing, is_damage, open_database
from tape.store.errors import DatabaseDamaged, DatabaseLocked, DatabaseNewer
from tape.store.ingest.gaps import gaps
from tape.store.journal.writer import Journal
from tape.store.recovery import rebuild as rebuild_module
from tape.store.recovery.backup import BackupFailed, copy_file, delete_covered_segments
from tape.store.recovery.damaged import Rebuilt, last_rebuild, mark_damaged, why_rebuild
from tape.store.recovery.rebuild import RebuildFailed, rebuild
from tests.store.homes import SMALL, Home, flip, recorded_in, report, stored_in

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def home(tmp_path: Path, empty_database: Path) -> Home:
    return Home(tmp_path / "home", empty_database)


def rebuilt(home: Home, **options: Any) -> Rebuilt:
    return rebuild(home.folder, SMALL, now=NOW, **{"is_loss_accepted": True, **options})


def test_a_backup_and_the_segments_behind_it_plain_and_compressed_make_the_whole_database(home: Home) -> None:
    home.beat("a", "b")
    home.store()
    home.back_up("20260101T000000Z")
    home.beat("c")
    home.store()
    home.compress()
    home.beat("d")
    home.database.write_bytes(b"no database")
    done = rebuilt(home)
    assert (done.backup, done.unusable, done.lost, done.gaps) == ("tape-20260101T000000Z.duckdb", [], [], [])
    assert (done.batches, done.events, home.services()) == (2, 2, ["a", "b", "c", "d"])
    assert done.journal == home.certificates() == ["executor: recorded 1..4, stored 1..4, gaps 0"]
    assert home.stored() == recorded_in(home.journal)
    assert home.damaged() == ["tape-20260102T030405Z.duckdb", "tape-20260102T030405Z.json"]
    assert (home.logs / done.set_aside[0].removeprefix("logs/")).read_bytes() == b"no database"
    assert last_rebuild(home.folder) == done
    assert sorted(path.name for path in home.logs.iterdir()) == ["backup", "damaged", "journal", "tape.duckdb"]


def test_a_damaged_backup_is_named_and_an_older_one_taken(home: Home) -> None:
    home.trade(40)
    home.store()
    home.back_up("20260101T000000Z")
    newest = home.back_up("20260102T000000Z")
    damage_a_row_block(newest, "shadow_decisions")
    home.beat("a")
    done = rebuilt(home)
    assert done.backup == "tape-20260101T000000Z.duckdb"
    assert [line.partition(": ")[0] for line in done.unusable] == ["backup tape-20260102T000000Z.duckdb is damaged"]
    assert (home.stored(), done.lost) == (recorded_in(home.journal), [])


@pytest.mark.thorough
def test_a_backup_that_the_disk_cannot_read_is_named_and_an_older_one_taken(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.beat("a")
    home.store()
    home.back_up("20260101T000000Z")
    newest = home.back_up("20260102T000000Z")
    home.beat("b")

    def copying(source: Path, target: Path) -> None:
        if source == newest:
            target.write_bytes(source.read_bytes()[:5000])
            raise BackupFailed(f"backup {target}: Input/output error")
        copy_file(source, target)

    monkeypatch.setattr(rebuild_module, "copy_file", copying)
    done = rebuilt(home, is_loss_accepted=False)
    assert (done.backup, done.lost, home.services()) == ("tape-20260101T000000Z.duckdb", [], ["a", "b"])
    assert [line.partition(": ")[0] for line in done.unusable] == ["backup tape-20260102T000000Z.duckdb cannot be read"]


def test_a_disk_without_room_is_not_blamed_on_the_backup(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.beat("a")
    home.store()
    home.back_up("20260101T000000Z")
    home.back_up("20260102T000000Z")
    full = False

    def copying(source: Path, target: Path) -> None:
        nonlocal full
        full = True
        raise BackupFailed(f"backup {target}: No space left on device")

    usage = shutil.disk_usage(home.folder)
    monkeypatch.setattr(rebuild_module, "copy_file", copying)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=0 if full else 10**12))
    with pytest.raises(RebuildFailed, match=r"expected \d+ MB free for a rebuild, found 0 MB"):
        rebuilt(home)


def damage_a_row_block(database: Path, table: str) -> None:
    """Changes a bit in the middle of a block that holds rows of a table."""
    with closing(duckdb.connect(database, read_only=True)) as connection:
        ((block,),) = connection.execute(
            f"select max(block_id) from pragma_storage_info('{table}') where block_id >= 0"
        ).fetchall()
    flip(database, 3 * 4096 + block * 262_144 + 5_000, 3)


def test_the_given_backup_is_taken_or_none(home: Home) -> None:
    home.beat("a")
    home.store()
    old = home.back_up("20260101T000000Z").rename(home.folder / "mine.duckdb")
    home.back_up("20260102T000000Z")
    assert rebuilt(home, source=old).backup == "mine.duckdb"
    damage_a_row_block(old, "heartbeats")
    with pytest.raises(RebuildFailed, match=r"backup mine\.duckdb is damaged"):
        rebuilt(home, source=old)
    with pytest.raises(RebuildFailed, match="found nothing"):
        rebuilt(home, source=home.folder / "none.duckdb")
    assert home.services() == ["a"]


def test_without_a_backup_the_journal_is_enough_where_it_reaches_back_to_the_first_batch(home: Home) -> None:
    home.trade(60)
    home.store()
    home.compress()
    home.trade(20, seed=2)
    flip(home.database, 5_000, 0)
    done = rebuilt(home)
    assert (done.backup, home.stored()) == (None, recorded_in(home.journal))
    assert done.lost == ["what was imported, if anything was: no backup has it: import it again"]


def test_what_the_journal_no_longer_has_is_named_by_segment_and_batches(home: Home) -> None:
    home.beat("a", "b", "c", run_id="r")
    home.store()
    for number in (2, 3):  # the first segment is empty
        (home.journal / f"executor-r-{number:06d}.journal").unlink()
    home.database.unlink()
    done = rebuilt(home)
    words = "executor r: batches 1..2 missing: segments executor-r-000002.journal to executor-r-000003.journal are gone"
    assert done.gaps == done.lost == [words]
    assert home.certificates() == ["executor: recorded 1..3, stored 1..1, gaps 2"]
    assert home.services() == ["c"]


@pytest.mark.thorough
def test_a_gap_that_the_old_database_had_is_no_loss(home: Home) -> None:
    home.beat("a", "b", "c", run_id="r")
    (home.journal / "executor-r-000003.journal").unlink()
    home.store()
    done = rebuilt(home, is_loss_accepted=False)
    assert done.gaps == ["executor r: batch 2 missing: segment executor-r-000003.journal is gone"]
    assert done.lost == []


def test_a_batch_that_its_producer_could_not_write_is_a_gap_and_no_loss(home: Home) -> None:
    home.beat("a")
    home.store()
    home.back_up("20260101T000000Z")
    home.beat("b", "c", "d", run_id="r", segment_bytes=10**9)
    (path,) = home.journal.glob("executor-r-*")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:2] + lines[3:]))
    flip(home.database, 5_000, 0)
    done = rebuilt(home, is_loss_accepted=False)
    assert (done.gaps, done.lost) == (
        ["executor r: 1 of the batches 1..3 missing: they are not in segment executor-r-000001.journal"],
        [],
    )


@pytest.mark.thorough
def test_what_the_old_database_held_and_no_segment_has_is_a_loss_and_changes_nothing(home: Home) -> None:
    home.beat("a", "b", run_id="r")
    home.beat("c", run_id="s")
    home.store()
    (home.journal / "executor-r-000003.journal").unlink()
    for path in home.journal.glob("executor-s-*"):
        path.unlink()
    before = home.database.read_bytes()
    with pytest.raises(RebuildFailed, match=r"without loss: .*r: batches 2\.\.2 missing: .*executor s: missing"):
        rebuilt(home, is_loss_accepted=False)
    assert (home.database.read_bytes(), home.damaged()) == (before, [])
    assert len(rebuilt(home).lost) == 2


@pytest.mark.thorough
def test_imported_rows_that_no_backup_has_are_named_from_the_old_database(home: Home) -> None:
    home.beat("a")
    home.store()
    home.back_up("20260101T000000Z")
    with closing(open_database(home.database)) as connection:
        connection.execute("insert into imports values (timestamptz '2025-01-02 03:04:05Z', 'order_events', 5, 7)")
    done = rebuilt(home)
    assert done.lost == ["3 rows of order_events, imported 2025-01-02T03:04:05Z: import them again"]


def test_a_damaged_compressed_segment_gives_what_can_be_read_and_is_set_aside(home: Home) -> None:
    home.beat(*(f"s{number}" for number in range(200)), run_id="r", segment_bytes=10**9)
    home.store()
    home.back_up("20260101T000000Z")
    empty = home.database.with_name("empty")
    (packed,) = [home.journal / f"{name}.gz" for name in home.compress()]
    packed.write_bytes(packed.read_bytes()[: packed.stat().st_size // 2])
    (home.logs / "backup" / "tape-20260101T000000Z.duckdb").rename(empty)
    home.database.unlink()
    done = rebuilt(home)
    assert done.lost == ["segment executor-r-000001.journal.gz is damaged: it ends too early"]
    assert 0 < len(home.services()) < 200
    assert home.damaged() == ["executor-r-000001.journal.gz", "tape-20260102T030405Z.json"]
    assert home.segments() == []


@pytest.mark.thorough
def test_a_compressed_segment_that_the_disk_cannot_read_is_lost_as_a_damaged_one(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.beat("a", "b", run_id="r", segment_bytes=10**9)
    home.store()
    home.compress()
    home.database.unlink()

    class Failing(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError(errno.EIO, "Input/output error")

    real = Path.open

    def opening(path: Path, mode: str = "r", *words: Any, **more: Any) -> Any:
        return Failing() if path.name.endswith(".gz") else real(path, mode, *words, **more)

    with monkeypatch.context() as faulty:
        faulty.setattr(Path, "open", opening)
        done = rebuilt(home)
    fault = "[Errno 5] Input/output error"
    assert done.lost == [f"segment executor-r-000001.journal.gz is damaged: {fault}"]
    assert home.damaged() == ["executor-r-000001.journal.gz", "tape-20260102T030405Z.json"]


def test_nothing_to_rebuild_from_changes_nothing(home: Home) -> None:
    with pytest.raises(RebuildFailed, match="expected a whole backup or a journal to rebuild from, found: no journal"):
        rebuilt(home)
    assert home.stored() == {}


def test_no_rebuild_beside_a_foreign_process_and_none_by_an_older_program(home: Home) -> None:
    home.beat("a")
    home.store()
    with closing(duckdb.connect(home.database)) as connection:
        connection.execute("update alembic_version set version_num = '9999'")
    with pytest.raises(DatabaseNewer, match="found 9999"):
        rebuilt(home)
    with pytest.raises(DatabaseNewer, match="found 9999"):
        home.store()
    assert home.damaged() == []


def test_a_full_disk_refuses_a_rebuild_before_it_begins(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.beat("a")
    monkeypatch.setattr(rebuild_module, "_RESERVE_BYTES", 2**60)
    with pytest.raises(RebuildFailed, match="MB free for a rebuild, found"):
        rebuilt(home)
    assert home.damaged() == []


@pytest.mark.thorough
def test_two_rebuilds_in_one_second_keep_both_old_databases(home: Home) -> None:
    home.beat("a")
    rebuilt(home)
    rebuilt(home)
    assert [name for name in home.damaged() if name.endswith(".duckdb")] == [
        "tape-20260102T030405Z-2.duckdb",
        "tape-20260102T030405Z.duckdb",
    ]


# --- what the owner does when it opens the database ---


@pytest.mark.thorough
def test_a_database_that_is_gone_comes_back_from_its_backup(home: Home) -> None:
    home.beat("a")
    home.store()
    home.back_up("20260101T000000Z")
    home.database.unlink()
    home.beat("b")
    home.store()
    assert home.services() == ["a", "b"]
    assert (report(home)["backup"], report(home)["set_aside"]) == ("tape-20260101T000000Z.duckdb", [])


def test_a_home_that_has_nothing_yet_is_no_lost_one(tmp_path: Path, empty_database: Path) -> None:
    home = Home(tmp_path / "home", empty_database)
    home.database.unlink()
    home.beat("a")
    home.store()
    assert (home.services(), home.damaged()) == (["a"], [])


def test_a_damaged_block_marks_the_database_and_the_next_start_rebuilds_it(home: Home) -> None:
    home.beat("a")
    home.store()
    home.back_up("20260101T000000Z")
    mark_damaged(home.folder, "a block is damaged", NOW)
    assert why_rebuild(home.folder) == "a block is damaged"
    home.store()
    assert (home.services(), report(home)["reason"]) == (["a"], "a block is damaged")
    assert why_rebuild(home.folder) is None


def test_a_database_that_holds_less_than_its_backup_is_rebuilt(home: Home) -> None:
    home.beat("a")
    home.store()
    shutil.copy(home.database, home.folder / "earlier")
    home.beat("b")
    home.store()
    home.back_up("20260101T000000Z")
    shutil.rmtree(home.journal)
    shutil.copy(home.folder / "earlier", home.database)
    home.store()
    assert home.services() == ["a", "b"]
    assert report(home)["reason"] == "its rows end at 1, and those of tape-20260101T000000Z.duckdb at 2"


def test_a_damaged_database_that_cannot_come_back_whole_is_left_as_it_is(home: Home) -> None:
    home.beat("a", "b", run_id="r")
    home.store()
    (home.journal / "executor-r-000002.journal").unlink()
    flip(home.database, 5_000, 0)
    before = home.database.read_bytes()
    with pytest.raises(RebuildFailed, match=r"cannot be rebuilt without loss: .*executor-r-000002.journal is gone"):
        home.store()
    assert home.database.read_bytes() == before


def test_a_lock_and_a_missing_permission_are_no_damage(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise duckdb.IOException(f'IO Error: Cannot open file "{home.database}": Permission denied')

    monkeypatch.setattr(duckdb, "connect", refused)
    with pytest.raises(Exception, match="Permission denied") as error:
        open_to_own(home.folder, SMALL, threading.Event())
    assert not isinstance(error.value, DatabaseDamaged | DatabaseLocked)
    assert home.damaged() == []


REPLAY = 'Failure while replaying WAL file "tape.duckdb.wal": '


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (
            duckdb.IOException("IO Error: Corrupt database file: computed checksum 1 does not match stored checksum 2"),
            True,
        ),
        (duckdb.IOException(f"IO Error: {REPLAY}Corrupt WAL file: entry at byte position 9"), True),
        (duckdb.IOException('IO Error: Could not read enough bytes from file "/x/tape.duckdb": attempted'), True),
        (duckdb.FatalException('FATAL Error: .. Original error: "Corrupt database file: computed checksum"'), True),
        (duckdb.Error(f"{REPLAY}unordered_map::at"), True),
        (duckdb.IOException(f"IO Error: {REPLAY}could not write: No space left on device"), False),
        (duckdb.IOException(f"IO Error: {REPLAY}Failed to read WAL of version 9"), False),
        (duckdb.OutOfMemoryException(f"Out of Memory Error: {REPLAY}could not allocate block"), False),
        (duckdb.IOException('IO Error: Could not set lock on file "/x/tape.duckdb": Conflicting lock'), False),
        (duckdb.IOException('IO Error: Could not read from file "/x/tape.duckdb": Input/output error'), False),
        (duckdb.ConversionException("Conversion Error: Could not convert string 'Corrupt database file'"), False),
        (duckdb.IOException('IO Error: Could not read enough bytes from file "/x/tape.tmp/duckdb_temp_1.tmp"'), False),
        (ValueError("Corrupt database file"), False),
    ],
)
def test_damage_is_told_from_trouble_and_from_what_a_query_says(error: Exception, expected: bool) -> None:
    assert is_damage(error) is expected


# --- backups and what the journal forgets ---


def test_a_copy_of_a_damaged_database_is_no_backup_and_says_so_of_the_database(home: Home) -> None:
    home.trade(40)
    home.store()
    damage_a_row_block(home.database, "shadow_decisions")
    with pytest.raises(DatabaseDamaged, match="Corrupt database file") as damage:
        home.back_up("20260101T000000Z")
    assert damage.value.path == home.database
    assert is_damage(damage.value)
    assert list((home.logs / "backup").iterdir()) == []


def test_a_segment_is_deleted_only_when_every_kept_backup_holds_it(home: Home) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    first = home.back_up("20260101T000000Z")
    home.beat("a")
    home.store()
    second = home.back_up("20260102T000000Z")
    packed = [f"{name}.gz" for name in home.compress()]
    assert delete_covered_segments(home.folder, [], older_than=later) == []
    assert delete_covered_segments(home.folder, [first, second], older_than=later) == []
    third = home.back_up("20260103T000000Z")
    damage_a_row_block(second, "journal_segments")
    with pytest.raises(BackupFailed, match=r"tape-20260102T000000Z\.duckdb is damaged, so the journal forgets nothing"):
        delete_covered_segments(home.folder, [second, third], older_than=later)
    assert home.segments() == packed
    assert delete_covered_segments(home.folder, [third], older_than=later) == packed


@pytest.mark.thorough
def test_any_kept_backup_can_be_the_beginning_after_the_journal_has_forgotten(home: Home) -> None:
    kept = []
    for number in (1, 2):
        home.beat(f"s{number}")
        home.store()
        home.compress()
        kept.append(home.back_up(f"2026010{number}T000000Z"))
    delete_covered_segments(home.folder, kept, older_than=datetime.now(UTC) + timedelta(hours=1))
    assert len(home.segments()) == 2, "those of the second run"
    kept[1].write_bytes(b"rotten")
    home.database.write_bytes(b"rotten")
    home.store()
    assert home.services() == ["s1", "s2"]
    assert stored_in(home.database).total() == 2


# --- gaps ---


def test_gaps_are_named_and_count_as_the_certificate_does(home: Home) -> None:
    home.beat(*"abcdefg", run_id="r")
    (home.journal / "executor-r-000001.journal").unlink()
    (home.journal / "executor-r-000002.journal").unlink()
    (home.journal / "executor-r-000005.journal").unlink()
    path = home.journal / "executor-r-000004.journal"
    flip(path, path.stat().st_size - 5, 0)
    home.store()
    with closing(open_database(home.database, read_only=True)) as connection:
        found = gaps(connection, home.folder)
    assert [str(gap) for gap in found] == [
        "executor r: batch 1 missing: segments executor-r-000001.journal to executor-r-000002.journal are gone",
        "executor r: batches 3..4 missing: segment executor-r-000005.journal is gone",
    ]
    assert home.certificates() == ["executor: recorded 1..7, stored 1..4, gaps 3"]


@pytest.mark.thorough
def test_a_damaged_last_line_is_a_gap_although_no_batch_follows(home: Home) -> None:
    home.beat("a", "b", "c", run_id="r", segment_bytes=10**9)
    path = home.journal / "executor-r-000001.journal"
    flip(path, path.stat().st_size - 5, 0)
    home.store()
    with closing(open_database(home.database, read_only=True)) as connection:
        (found,) = gaps(connection, home.folder)
    assert str(found) == "executor r: batch 3 missing: it is the damaged end of segment executor-r-000001.journal"
    assert home.certificates() == ["executor: recorded 1..3, stored 1..2, gaps 1"]


@pytest.mark.thorough
def test_a_segment_that_vanishes_before_it_was_read_to_its_end_is_named(home: Home) -> None:
    with Journal(home.folder, "executor", run_id="r") as journal:
        journal.write_event("heartbeat", {"ts": NOW.isoformat(), "service": "a"})
        home.store()
        (home.journal / "executor-r-000001.journal").unlink()
    with closing(open_database(home.database, read_only=True)) as connection:
        (gap,) = gaps(connection, home.folder)
        assert gaps(connection) == []
    assert str(gap) == (
        "executor r: whatever followed batch 1 missing:"
        " segment executor-r-000001.journal is gone before it was read to its end"
    )
