"""The owner warns of little room once, and writes nothing where the room left is the journal's."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from tape.owner import disk as disk_module
from tape.owner.disk import Disk, DiskFull
from tape.sections import StoreSettings
from tape.store.disk_space import free_bytes
from tape.store.journal.segments import journal_folder

MB = 2**20
SETTINGS = StoreSettings(warn_free="100MiB", keep_free="10MiB")


class Room:
    """How much is free, as a test says: on the disk of the database, and on that of the journal where it differs."""

    def __init__(self, home: Path) -> None:
        self.free = 1000 * MB
        self.of_journal: int | None = None
        self._journal = journal_folder(home)

    def __call__(self, folder: Path) -> int:
        return self.free if self.of_journal is None or folder != self._journal else self.of_journal


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Room:
    room = Room(tmp_path)
    monkeypatch.setattr(disk_module, "free_bytes", room)
    return room


def test_little_room_is_warned_of_once_until_there_is_room_again(
    tmp_path: Path, room: Room, caplog: pytest.LogCaptureFixture
) -> None:
    disk = Disk(tmp_path, SETTINGS)
    for free in (100, 99, 50, 99, 100, 11):
        room.free = free * MB
        disk.look()
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2
    assert caplog.messages[0] == (
        f"disk of {tmp_path / 'logs'}: expected 100 MB free, found 99.0 MB: make room; below 10.0 MB nothing is"
        " stored any more"
    )


def test_below_what_is_kept_nothing_is_written_until_there_is_a_little_more(tmp_path: Path, room: Room) -> None:
    disk = Disk(tmp_path, SETTINGS)
    room.free = 10 * MB
    assert not disk.is_full()
    room.free -= 1
    assert disk.is_full()
    with pytest.raises(DiskFull, match=r"expected 10.0 MB free, found 10.0 MB: nothing is stored"):
        disk.look()
    room.free = int(10.9 * MB)
    assert disk.is_full()
    room.free = 11 * MB
    assert not disk.is_full()
    disk.look()


def test_a_full_disk_of_the_journal_is_told_and_stops_nothing(tmp_path: Path, room: Room) -> None:
    disk = Disk(tmp_path, SETTINGS)
    room.of_journal = 9 * MB
    with pytest.raises(DiskFull, match=r"logs/journal: .* soon nothing can be recorded"):
        disk.look()
    assert not disk.is_full()


def test_what_takes_room_must_leave_what_is_kept(tmp_path: Path, room: Room) -> None:
    disk = Disk(tmp_path, SETTINGS)
    room.free = 30 * MB
    disk.refuse_without_room("backup", tmp_path / "to" / "come", 20 * MB)
    with pytest.raises(DiskFull, match=r"^backup: expected room for 20.0 MB and 10.0 MB that are kept .*, found 30.0"):
        disk.refuse_without_room("backup", tmp_path / "to" / "come", 20 * MB + 1)


def test_a_disk_of_its_own_may_be_filled(tmp_path: Path, room: Room) -> None:
    if not Path("/dev/shm").is_dir():  # noqa: S108
        pytest.skip("needs another disk at /dev/shm")
    disk = Disk(tmp_path, SETTINGS)
    room.free = 20 * MB
    disk.refuse_without_room("backup", Path("/dev/shm"), 20 * MB)  # noqa: S108
    with pytest.raises(DiskFull, match=r"^backup: expected room for 20.0 MB, found 20.0 MB$"):
        disk.refuse_without_room("backup", Path("/dev/shm"), 20 * MB + 1)  # noqa: S108


def test_room_of_a_folder_that_is_to_come_is_that_of_its_disk(tmp_path: Path) -> None:
    assert abs(free_bytes(tmp_path / "a" / "b") - free_bytes(tmp_path)) < 10_000 * MB
    assert free_bytes(Path("not/there")) > 0
