"""Flipped bits, anywhere: the result is right, or the damage is told and healed; it is never silently wrong."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import duckdb
import pytest

from tape.store.database import closing, is_damage, open_database, read_all
from tape.store.errors import DatabaseDamaged, StoreError
from tape.store.journal.segments import JournalError, read_header, read_lines
from tape.store.recovery.damaged import last_rebuild, mark_damaged
from tape.store.recovery.rebuild import rebuild
from tests.store.homes import SMALL, Home, content_of, flip, recorded_in
from tests.store.recovery.test_rebuild import NOW

Times = Callable[[int, int, int], int]
_HEADERS_BYTES, _BLOCK_BYTES = 3 * 4096, 262_144


@pytest.fixture(scope="module")
def backed_up(traded: Home, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The same, stored, half of it behind a backup, some segments compressed."""
    home = traded.copy(tmp_path_factory.mktemp("backed_up") / "home")
    home.store()
    home.back_up("20260101T000000Z")
    home.compress()
    home.trade(60, seed=2)
    home.store()
    return home


def flip_somewhere(path: Path, chance: Random) -> int:
    """Flips a random bit of a file, and returns where."""
    offset = chance.randrange(path.stat().st_size)
    flip(path, offset, chance.randrange(8))
    return offset


def used_blocks(database: Path) -> set[int]:
    """The blocks that hold rows or the catalog."""
    with closing(open_database(database, SMALL, read_only=True)) as connection:
        tables = connection.execute("select table_name from duckdb_tables()").fetchall()
        found = {block for (block,) in connection.execute("select block_id from pragma_metadata_info()").fetchall()}
        for (table,) in tables:
            rows = connection.execute(
                f"select block_id, additional_block_ids from pragma_storage_info('{table}')"
            ).fetchall()
            for block, more in rows:
                found |= {block, *(more or [])}
    return found


def read_whole(database: Path) -> StoreError | duckdb.Error | None:
    """Reads every block, as queries come to do; the damage that is found."""
    found: StoreError | duckdb.Error | None = None
    try:
        with closing(open_database(database, SMALL, read_only=True)) as connection:
            read_all(connection)
    except (StoreError, duckdb.Error) as error:
        found = error
    assert found is None or is_damage(found), found
    return found


def test_a_bit_of_the_database_file(backed_up: Home, tmp_path: Path, chance: Random, times: Times) -> None:
    expected, recorded = content_of(backed_up.database), recorded_in(backed_up.journal)
    used = used_blocks(backed_up.database)
    for _ in range(times(2, 8, 500)):
        home = backed_up.copy(tmp_path / "home")
        offset = flip_somewhere(home.database, chance)
        found = read_whole(home.database)
        block = (offset - _HEADERS_BYTES) // _BLOCK_BYTES
        # what nobody notices lies where nothing is stored: not in a header, and in no block that is used
        assert (found is not None) == (offset < _HEADERS_BYTES or block in used), (offset, found)
        if found is not None and not isinstance(found, DatabaseDamaged):
            mark_damaged(home.folder, str(found), NOW)  # as the owner does, when a query comes upon it
        home.store()
        assert home.stored() == recorded, offset
        assert content_of(home.database) == expected, offset
        done = last_rebuild(home.folder)
        assert (done is not None) == (found is not None), offset
        assert done is None or (done.backup == "tape-20260101T000000Z.duckdb" and done.lost == [])


def test_a_bit_of_the_write_ahead_log(traded: Home, tmp_path: Path, chance: Random, times: Times) -> None:
    killed = traded.copy(tmp_path / "killed")
    killed.store(slice_bytes=4_000, is_killed=True)
    expected = recorded_in(killed.journal)
    for _ in range(times(2, 8, 500)):
        home = killed.copy(tmp_path / "home")
        # the header of the log, and the length of an entry, are where a flip may look like a torn tail
        offset = chance.choice((chance.randrange(64), chance.randrange(home.wal.stat().st_size)))
        flip(home.wal, offset, chance.randrange(8))
        try:
            home.store()
        except StoreError as error:
            assert "Failed to read WAL of version" in str(error), (offset, error)  # noqa: PT017 (the others must pass)
            rebuild(home.folder, SMALL, now=NOW)
        assert home.stored() == expected, offset
        assert all(line.endswith("gaps 0") for line in home.certificates()), offset


def test_a_bit_of_the_journal(traded: Home, tmp_path: Path, chance: Random, times: Times) -> None:
    for _ in range(times(2, 8, 500)):
        home = traded.copy(tmp_path / "home")
        path = chance.choice(sorted(home.journal.iterdir()))
        offset = flip_somewhere(path, chance)
        expected, refused = recorded_in(home.journal), faults_in(path)
        home.store()
        assert home.stored() == expected, (path.name, offset)
        kept = home.rows("select source, line from rejected_events order by line")
        assert kept == [(path.name, number) for number in refused], (path.name, offset)


def faults_in(path: Path) -> list[int]:
    """The numbers of the lines of a segment that are not whole."""
    try:
        read_header(path)
        found = []
    except JournalError:
        found = [1]
    lines = list(read_lines(path, 0, 1, 10**9))
    found += [line.number for line in lines[1:] if line.fault]
    return found + ([] if path.read_bytes().endswith(b"\n") else [len(lines) + 1])


def test_a_bit_of_a_compressed_segment(backed_up: Home, tmp_path: Path, chance: Random, times: Times) -> None:
    expected = recorded_in(backed_up.journal)
    for _ in range(times(1, 5, 500)):
        home = backed_up.copy(tmp_path / "home")
        home.database.unlink()
        (home.logs / "backup" / "tape-20260101T000000Z.duckdb").unlink()
        path = chance.choice(sorted(home.journal.glob("*.gz")))
        offset = flip_somewhere(path, chance)
        done = rebuild(home.folder, SMALL, now=NOW, is_loss_accepted=True)
        found = home.stored()
        assert found <= expected, (path.name, offset)
        assert set(found.values()) <= {1}
        if found != expected:
            assert done.lost[0].startswith(f"segment {path.name} is damaged"), offset
        assert (path.name in home.damaged()) == bool(done.lost)


def test_a_bit_of_a_backup(backed_up: Home, tmp_path: Path, chance: Random, times: Times) -> None:
    expected = recorded_in(backed_up.journal)
    for _ in range(times(1, 4, 100)):
        home = backed_up.copy(tmp_path / "home")
        backup = home.logs / "backup" / "tape-20260101T000000Z.duckdb"
        offset = flip_somewhere(backup, chance)
        is_whole = read_whole(backup) is None
        home.database.write_bytes(b"")
        home.store()
        assert home.stored() == expected, offset
        done = last_rebuild(home.folder)
        assert done is not None
        assert (done.backup is not None, done.unusable == []) == (is_whole, is_whole), offset


def test_a_rebuild_killed_at_any_moment_leaves_the_old_database_or_the_new_one(
    backed_up: Home, tmp_path: Path, chance: Random, times: Times
) -> None:
    home = backed_up.copy(tmp_path / "home")
    flip(home.database, 100, 0)
    old = home.database.read_bytes()
    began = time.monotonic()
    rebuild(backed_up.copy(tmp_path / "other").folder, SMALL, now=NOW)
    took_s = time.monotonic() - began
    for _ in range(times(1, 6, 200)):
        pid = os.fork()
        if pid == 0:
            rebuild(home.folder, SMALL, now=NOW)
            os._exit(0)
        time.sleep(chance.uniform(0, 1.2 * took_s))
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        if home.database.read_bytes() != old:
            assert home.stored() == recorded_in(home.journal)
            home.database.write_bytes(old)
    rebuild(home.folder, SMALL, now=NOW)
    assert home.stored() == recorded_in(home.journal)
    assert not (home.logs / "rebuilding").exists()
    assert all(path.read_bytes() == old for path in (home.logs / "damaged").glob("*.duckdb"))
