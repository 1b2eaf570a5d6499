"""Torn tails: whatever is cut off the write-ahead log or the journal, what the journal has is stored exactly once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from tape.store.database import Resources
from tape.store.journal.segments import read_header, read_lines
from tape.store.recovery.damaged import last_rebuild
from tape.store.recovery.rebuild import rebuild
from tests.store.homes import Home, recorded_in, stored_in
from tests.store.recovery.test_rebuild import NOW

Times = Callable[[int, int, int], int]
_SLICE_BYTES = 4_000
"""Of the journal per transaction, so that the log holds many."""


@pytest.fixture(scope="module")
def killed(traded: Home, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The same, stored by an owner that was killed: its rows stand in the write-ahead log."""
    home = traded.copy(tmp_path_factory.mktemp("killed") / "home")
    home.store(slice_bytes=_SLICE_BYTES, is_killed=True)
    return home


def cut(path: Path, chance: Random) -> int:
    """Cuts a file at a random offset, which it returns."""
    offset = chance.randrange(path.stat().st_size)
    with path.open("rb+") as file:
        file.truncate(offset)
    return offset


def test_a_write_ahead_log_cut_anywhere_is_filled_from_the_journal(
    killed: Home, tmp_path: Path, chance: Random, times: Times
) -> None:
    expected, had_lost = recorded_in(killed.journal), 0
    for _ in range(times(3, 8, 500)):
        home = killed.copy(tmp_path / "home")
        offset = cut(home.wal, chance)
        had_lost += stored_in(home.database) != expected
        home.store()
        assert home.stored() == expected, offset
        assert all(line.endswith("gaps 0") for line in home.certificates()), offset
        assert last_rebuild(home.folder) is None, "a torn tail is no damage"
    assert had_lost, "no cut lost a row: these are no torn tails"


def test_segments_that_were_compressed_before_the_tail_was_lost_are_read_again(
    killed: Home, tmp_path: Path, chance: Random, times: Times
) -> None:
    expected = recorded_in(killed.journal)
    for _ in range(times(1, 3, 100)):
        home = killed.copy(tmp_path / "home")
        packed = killed.copy(tmp_path / "packed")
        packed.compress()
        home.journal.rename(tmp_path / "home" / "unpacked")
        packed.journal.rename(home.journal)
        offset = cut(home.wal, chance)
        home.store()
        assert home.stored() == expected, offset


def test_a_segment_cut_anywhere_is_stored_up_to_the_cut_and_its_torn_line_is_kept(
    traded: Home, tmp_path: Path, chance: Random, times: Times
) -> None:
    for _ in range(times(3, 8, 500)):
        home = traded.copy(tmp_path / "home")
        path = chance.choice(sorted(home.journal.iterdir()))
        header = read_header(path)
        offset = cut(path, chance)
        expected = recorded_in(home.journal)
        home.store()
        assert home.stored() == expected, (path.name, offset)
        kept = home.rows("select source, raw from rejected_events")
        torn = path.read_bytes().rpartition(b"\n")[2]
        if offset < header.data_offset:
            assert [source for source, _ in kept] == [path.name], "the header"
        else:
            assert kept == ([(path.name, torn.decode())] if torn else []), (path.name, offset)
            whole = sum(1 for _ in read_lines(path, header.data_offset, 2, 10**9))
            assert home.rows(f"select stored_batches from journal_segments where segment = '{path.name}'") == [(whole,)]


def test_a_compressed_segment_cut_anywhere_gives_its_whole_lines_and_is_named(
    traded: Home, tmp_path: Path, chance: Random, times: Times
) -> None:
    stored = traded.copy(tmp_path / "stored")
    stored.store()
    expected = stored.stored()
    stored.compress()
    for _ in range(times(1, 3, 100)):
        home = stored.copy(tmp_path / "home")
        home.database.unlink()
        path = chance.choice(sorted(home.journal.iterdir()))
        offset = cut(path, chance)
        done = rebuild(home.folder, Resources(threads=1), now=NOW, is_loss_accepted=True)
        found = home.stored()
        assert found <= expected
        assert max(found.values()) == 1
        assert done.lost[0] == f"segment {path.name} is damaged: it ends too early", offset
        assert path.name in home.damaged()
