"""What survives a power cut: files and folders that are on disk, whole, before anybody relies on them."""

from __future__ import annotations

import os
from pathlib import Path


def make_folder(folder: Path) -> None:
    """Makes a private folder and those above it; that they are there survives a power cut.

    Also where the folder and the one above it are there already: who made them may not have synced them yet.
    """
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    sync_names(folder)
    for each in missing[2:]:
        sync_folder(each.parent)


def sync_folder(folder: Path) -> None:
    """Makes new and renamed files of a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_names(path: Path) -> None:
    """Makes a new file survive a power cut, and the folder it lies in, which may be as new.

    Where this process may not write, nothing is new.
    """
    for folder in path.parents[:2]:
        if os.access(folder, os.W_OK):
            sync_folder(folder)


def write_whole(fd: int, line: bytes) -> int:
    """Writes bytes in one call and returns how many.

    Raises:
        OSError: they were not all written.
    """
    written = os.write(fd, line)
    if written != len(line):
        raise OSError(f"{written} of {len(line)} bytes written: is the disk full?")
    return written
