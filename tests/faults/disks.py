"""Disks of a few megabytes that can be filled, mounted where a test wants them."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

MB = 2**20


class SmallDisk:
    """A disk in memory, mounted on a folder while the block runs."""

    def __init__(self, folder: Path, megabytes: float) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        size = f"size={int(megabytes * MB)}"
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", size, "tmpfs", folder], capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            pytest.skip(f"needs to mount a small disk: {done.stderr.strip()}")

    @property
    def free(self) -> int:
        found = os.statvfs(self.folder)
        return found.f_bavail * found.f_frsize

    def fill(self, *, leave: int = 0) -> None:
        """Takes all room but so many bytes."""
        fd = os.open(self._filler, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            while (room := self.free - leave) > 0:
                os.write(fd, bytes(min(room, MB)))
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
        finally:
            os.close(fd)

    def make_room(self) -> None:
        """Gives back what ``fill`` took."""
        self._filler.unlink(missing_ok=True)

    @property
    def _filler(self) -> Path:
        return self.folder / "filler"

    def unmount(self) -> None:
        subprocess.run(["umount", "--lazy", self.folder], check=True)


Mount = Callable[[Path, float], SmallDisk]


@pytest.fixture
def mount() -> Iterator[Mount]:
    """Mounts a small disk on a folder until the test is over."""
    with ExitStack() as stack:

        def mounted(folder: Path, megabytes: float) -> SmallDisk:
            disk = SmallDisk(folder, megabytes)
            stack.callback(disk.unmount)
            return disk

        yield mounted
