"""The record of what was written last: files that are this program's own, and files of others."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

import pytest

from tape.store.own_files import COMPACT_BYTES, ForeignFile, OwnFiles
from tests.programs import Program


def digest(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def write(own: OwnFiles, path: Path, content: bytes) -> None:
    own.intend({path: digest(content)})
    path.write_bytes(content)


def test_a_file_is_own_while_it_is_as_it_was_written_last(tmp_path: Path) -> None:
    path, own = tmp_path / "a.json", OwnFiles(tmp_path)
    assert own.is_own(path), "where there is none, nothing is lost"
    path.write_bytes(b"theirs")
    with pytest.raises(ForeignFile, match=r"a\.json: expected what Tape wrote there last, found another program's"):
        own.refuse(path)
    path.unlink()
    write(own, path, b"one")
    for record in (own, OwnFiles(tmp_path)):
        assert record.is_own(path)
    path.write_bytes(b"two")
    for record in (own, OwnFiles(tmp_path)):
        assert not record.is_own(path)


def test_whoever_dies_between_the_record_and_the_file_is_not_locked_out(tmp_path: Path) -> None:
    path, own = tmp_path / "a.json", OwnFiles(tmp_path)
    write(own, path, b"one")
    write(own, path, b"two")
    own.intend({path: digest(b"three")})
    assert OwnFiles(tmp_path).is_own(path)
    path.write_bytes(b"three")
    assert OwnFiles(tmp_path).is_own(path)
    path.write_bytes(b"one")
    assert not OwnFiles(tmp_path).is_own(path), "older content was put there by somebody"


def test_whoever_cannot_write_for_a_while_is_not_locked_out(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write(OwnFiles(tmp_path), path, b"one")
    own = OwnFiles(tmp_path)
    for attempt in range(5):
        own.intend({path: digest(b"%d" % attempt)})  # and the disk is full
        for record in (own, OwnFiles(tmp_path)):
            assert record.is_own(path)
    path.write_bytes(b"4")
    assert OwnFiles(tmp_path).is_own(path)


@pytest.mark.parametrize("content", [b"", b"\0" * 3_000_000])
def test_a_file_with_nothing_in_it_is_nobodys(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.json").write_bytes(content)
    assert OwnFiles(tmp_path).is_own(tmp_path / "a.json")


def test_what_cannot_be_read_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "a.json").mkdir()
    assert not OwnFiles(tmp_path).is_own(tmp_path / "a.json")


def test_a_file_that_is_taken_over_is_kept_under_a_name_of_its_own(tmp_path: Path) -> None:
    path, own = tmp_path / "a.json", OwnFiles(tmp_path)
    kept = []
    for content in (b"theirs", b"theirs again"):
        path.write_bytes(content)
        kept.append(own.take_over(path))
        assert own.is_own(path)
        assert own.take_over(path) is None
    assert [each.read_bytes() for each in kept if each] == [b"theirs", b"theirs again"]


def test_half_a_line_of_a_power_cut_hides_no_other(tmp_path: Path) -> None:
    path, other = tmp_path / "a.json", tmp_path / "b.json"
    write(OwnFiles(tmp_path), path, b"one")
    with (tmp_path / "logs" / "tape.written").open("ab") as record:
        record.write(b"0123456789abcdef")
    write(OwnFiles(tmp_path), other, b"two")
    assert OwnFiles(tmp_path).is_own(path)
    assert OwnFiles(tmp_path).is_own(other)


def test_a_home_that_was_moved_knows_its_files_and_files_elsewhere_are_known_by_their_whole_path(
    tmp_path: Path,
) -> None:
    home, out = tmp_path / "home", tmp_path / "out"
    for folder in (home, out):
        folder.mkdir()
        write(OwnFiles(home), folder / "a.json", b"one")
    moved = home.rename(tmp_path / "moved")
    assert OwnFiles(moved).is_own(moved / "a.json")
    assert OwnFiles(moved).is_own(out / "a.json")
    assert not OwnFiles(tmp_path / "another").is_own(out / "a.json")


def test_the_record_stays_small_and_forgets_nothing_that_counts(tmp_path: Path) -> None:
    first, path, log = tmp_path / "first.json", tmp_path / "a.json", tmp_path / "a.jsonl"
    own = OwnFiles(tmp_path)
    write(own, first, b"first")
    own.begin_log(log, 17)
    many = {tmp_path / f"{each}.json": digest(b"%d" % each) for each in range(1_000)}
    for _ in range(COMPACT_BYTES // 40_000 + 3):
        own.intend(many)
    write(own, path, b"last")
    assert (tmp_path / "logs" / "tape.written").stat().st_size < COMPACT_BYTES / 2
    for record in (own, OwnFiles(tmp_path)):
        assert record.is_own(first)
        assert record.is_own(path)
        assert record.foreign_bytes(log) == 17


WRITES = """
import sys
from pathlib import Path
from tests.store.test_own_files import write
from tape.store.own_files import OwnFiles

home, name = Path(sys.argv[1]), sys.argv[2]
for number in range(50):
    write(OwnFiles(home), home / name, b"%d" % number)
"""


def test_several_processes_and_threads_write_to_one_record(tmp_path: Path) -> None:
    others = [Program("-c", WRITES, tmp_path, f"p{at}") for at in range(3)]
    own = OwnFiles(tmp_path)

    def write_many(name: str) -> None:
        for number in range(50):
            write(own, tmp_path / name, b"%d" % number)

    threads = [threading.Thread(target=write_many, args=(f"t{at}",)) for at in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [other.wait() for other in others] == [0, 0, 0]
    names = [f"{kind}{at}" for kind in "pt" for at in range(3)]
    assert [(tmp_path / name).read_bytes() for name in names] == [b"49"] * 6
    for record in (own, OwnFiles(tmp_path)):
        assert all(record.is_own(tmp_path / name) for name in names)


def test_who_may_only_read_a_home_writes_elsewhere_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, out = tmp_path / "home", tmp_path / "out"
    (home / "logs").mkdir(parents=True)
    out.mkdir()

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tape.store.own_files._locked", refuse)
    OwnFiles(home).intend({out / "a.json": digest(b"one")})
    with pytest.raises(PermissionError):
        OwnFiles(home).intend({home / "a.json": digest(b"one")})
