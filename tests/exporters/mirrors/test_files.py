"""A line is appended whole and once, whatever died when; a full log moves to a name of its own."""

from __future__ import annotations

import fnmatch
import os
import resource
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Self

import pytest

from tape.exporters.mirrors import files as mirror_files
from tape.exporters.mirrors.files import MirrorFile, newest_part, open_part
from tape.store.recovery.backup import compress

Lines = list[tuple[str, bytes]]


def lines(*numbers: int) -> Lines:
    return [(f"e{number}", b'{"event_id":"e%d","x":"%s"}\n' % (number, b"x" * 20)) for number in numbers]


def content(*numbers: int) -> bytes:
    return b"".join(line for _, line in lines(*numbers))


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    """The kernel writes no file of this process beyond a size: as a full disk, in the middle of a line."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "execution" / "orders.jsonl"


def test_lines_are_appended_in_their_order_and_the_size_is_returned(path: Path) -> None:
    file = MirrorFile(path, 0)
    assert file.append(lines(1, 2)) == len(content(1, 2))
    assert file.append(lines(3)) == len(content(1, 2, 3))
    assert path.read_bytes() == content(1, 2, 3)


def test_what_is_there_behind_the_offset_is_not_appended_again(path: Path) -> None:
    MirrorFile(path, 0).append(lines(1, 2, 3))
    assert MirrorFile(path, len(content(1))).append(lines(2, 3, 4)) == len(content(1, 2, 3, 4))
    assert path.read_bytes() == content(1, 2, 3, 4)


def test_what_is_there_is_remembered_over_several_appends(path: Path) -> None:
    MirrorFile(path, 0).append(lines(1, 2, 3, 4))
    file = MirrorFile(path, 0)
    for number in range(1, 6):
        file.append(lines(number))
    assert path.read_bytes() == content(1, 2, 3, 4, 5)


@pytest.mark.rows(12)
@pytest.mark.parametrize("cut", range(1, len(content(3)) + 1))
def test_a_line_torn_anywhere_is_written_whole_once(path: Path, cut: int) -> None:
    MirrorFile(path, 0).append(lines(1, 2, 3))
    os.truncate(path, len(content(1, 2, 3)) - cut)
    MirrorFile(path, len(content(1))).append(lines(2, 3))
    assert path.read_bytes() == content(1, 2, 3)


@pytest.mark.parametrize("offset", [0, len(content(1)), len(content(1, 2)) + 5, 10**9])
def test_a_log_that_is_gone_or_shorter_than_the_offset_counts_as_rotated(path: Path, offset: int) -> None:
    file = MirrorFile(path, offset)
    file.append(lines(8))
    assert path.read_bytes() == content(8)
    path.write_bytes(content(1))
    if offset > len(content(1)):
        MirrorFile(path, offset).append(lines(1, 2))
        assert path.read_bytes() == content(1, 2)


def test_a_log_that_vanishes_or_is_replaced_while_open_is_written_under_its_name(path: Path) -> None:
    file = MirrorFile(path, 0)
    file.append(lines(1))
    path.unlink()
    assert file.append(lines(2)) == len(content(2))
    path.unlink()
    path.write_bytes(content(9))
    assert file.append(lines(3)) == len(content(9, 3))
    assert path.read_bytes() == content(9, 3)


@pytest.mark.parametrize(
    "old",
    [b'{"no":"id"}\n', b'{"x": NaN}\n', b"[1]\n", b"no json\n", b"\n", b'\xff\n{"event_id": null}\n'],
)
def test_what_an_old_runtime_wrote_stays_before_the_new_lines(path: Path, old: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(old)
    MirrorFile(path, 0).append(lines(1))
    assert path.read_bytes() == old + content(1)


def test_an_old_last_line_without_newline_is_ended_not_cut(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b'{"no":"id"}')
    MirrorFile(path, 0).append(lines(1))
    assert path.read_bytes() == b'{"no":"id"}\n' + content(1)


def test_a_full_disk_leaves_no_half_line_and_the_lines_come_later(path: Path) -> None:
    file = MirrorFile(path, 0)
    file.append(lines(1))
    for room in (0, 1, len(content(2)), len(content(2)) + 3):
        with files_no_larger_than(len(content(1)) + room), pytest.raises(OSError, match=r"disk full|too large"):
            file.append(lines(2, 3))
        assert path.read_bytes() == content(1)
    file.append(lines(2, 3))
    assert path.read_bytes() == content(1, 2, 3)


def test_what_a_failed_fsync_left_is_taken_out_and_written_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel counts its pages as clean: they may never reach the disk, whatever a later fsync says."""

    def fail(fd: int) -> None:
        raise OSError(5, "Input/output error")

    MirrorFile(path, 0).append(lines(1))
    with monkeypatch.context() as failing:
        failing.setattr(os, "fsync", fail)
        with pytest.raises(OSError, match="Input/output"):
            MirrorFile(path, len(content(1))).append(lines(2, 3))
    assert path.read_bytes() == content(1)
    MirrorFile(path, len(content(1))).append(lines(2, 3, 4))
    assert path.read_bytes() == content(1, 2, 3, 4)


def test_a_new_log_whose_folder_cannot_be_synced_is_empty_until_it_can(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(folder: Path) -> None:
        raise OSError(5, "Input/output error")

    file = MirrorFile(path, 0)
    with monkeypatch.context() as failing:
        failing.setattr(mirror_files, "sync_names", fail)
        for _ in range(2):
            with pytest.raises(OSError, match="Input/output"):
                file.append(lines(1))
            assert path.read_bytes() == b""
    file.append(lines(1))
    assert path.read_bytes() == content(1)


def test_a_log_is_rotated_when_it_is_full_and_not_before(path: Path) -> None:
    file = MirrorFile(path, 0, rotate_bytes=100)
    file.append(lines(1))
    assert not file.rotate_if_full(99, 1)
    inode = path.stat().st_ino
    assert file.rotate_if_full(100, 1)
    assert not path.exists()
    archive = list((path.parent / "archive").iterdir())
    assert [each.stat().st_ino for each in archive] == [inode]
    file.append(lines(2))
    assert path.read_bytes() == content(2)


def test_an_archive_is_never_overwritten_and_no_glob_for_logs_matches_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Frozen(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return cls(2025, 1, 1, tzinfo=tz)

    monkeypatch.setattr(mirror_files, "datetime", Frozen)
    file = MirrorFile(path, 0, rotate_bytes=1)
    for number in range(4):
        file.rotate_if_full(file.append(lines(number)), 7)
    archives = list((path.parent / "archive").iterdir())
    assert sorted(each.read_bytes() for each in archives) == [content(number) for number in range(4)]
    assert not [each for each in archives if fnmatch.fnmatch(each.name, "*.jsonl")]
    assert not list(path.parent.parent.rglob("*.jsonl"))


def test_a_database_that_went_back_behind_a_rotation_doubles_no_line_of_the_archive(path: Path) -> None:
    file = MirrorFile(path, 0, rotate_bytes=1)
    for number in range(1, 5):
        file.rotate_if_full(file.append(lines(number)), number)
    for number, archive in enumerate(sorted((path.parent / "archive").iterdir()), 1):
        if number % 2:
            compress(archive)
    file = MirrorFile(path, 0, rotate_bytes=1_000)
    file.append(lines(5, 6))
    # the database knows of row 2, and of a log that was longer then than this one is now
    again = MirrorFile(path, len(content(5)), last_seq=2)
    assert again.offset == 0
    again.append(lines(3, 4, 5, 6, 7))
    assert path.read_bytes() == content(5, 6, 7)


def test_the_newest_part_is_the_log_or_what_was_rotated_last_compressed_or_not(path: Path) -> None:
    file = MirrorFile(path, 0, rotate_bytes=1)
    assert newest_part(path) == path
    for number in range(1, 4):
        size = file.append(lines(number))
        assert newest_part(path) == path
        file.rotate_if_full(size, number)
        newest = newest_part(path)
        assert newest.name.endswith(f".{number}")
        compress(newest)
        for each in (newest, newest_part(path)):  # the first: found before it was compressed, opened after
            with open_part(each) as part:
                assert part.read() == content(number)
    path.touch()
    assert newest_part(path).name.endswith(".3.gz")


def test_an_archive_that_the_database_knows_of_is_not_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = MirrorFile(path, 0, rotate_bytes=1)
    file.rotate_if_full(file.append(lines(1)), 1)
    monkeypatch.setattr(mirror_files, "_ids_in", None)
    MirrorFile(path, 0, last_seq=1).append(lines(2))
    assert path.read_bytes() == content(2)


def wait_for(condition: Callable[[], object], what: str, seconds: float = 20.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, what
        time.sleep(0.01)


def test_tail_reads_through_rotations_without_losing_or_doubling_a_line(path: Path, tmp_path: Path) -> None:
    file = MirrorFile(path, 0, rotate_bytes=2_000)
    file.append(lines(0))
    read = tmp_path / "read"
    with read.open("wb") as out:
        tail = subprocess.Popen(["tail", "-F", "-n", "+1", path], stdout=out, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: read.read_bytes(), "tail does not read")
        rotations = 0
        for number in range(1, 400, 4):
            size = file.append(lines(*range(number, number + 4)))
            rotations += file.rotate_if_full(size, number)
            time.sleep(0.005)
        assert rotations >= 5
        wait_for(lambda: read.read_bytes().count(b"\n") >= 401, f"read {read.read_bytes().count(b'%c' % 10)} of 401")
    finally:
        tail.kill()
        tail.wait()
    assert read.read_bytes() == content(*range(401))


def test_what_was_appended_behind_a_rotation_that_the_database_never_heard_of_is_not_appended_again(path: Path) -> None:
    """However much it was: killed behind the rename, the next one behind its append."""
    full = MirrorFile(path, 0, rotate_bytes=1)
    known = full.append(lines(1))
    assert full.rotate_if_full(known, 1)
    second = MirrorFile(path, known)
    assert second.offset == 0
    second.append(lines(2, 3, 4))
    third = MirrorFile(path, second.offset)
    third.append(lines(2, 3, 4, 5))
    assert path.read_bytes() == content(2, 3, 4, 5)
