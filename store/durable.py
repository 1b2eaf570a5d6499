"""Durable writes: files and folders that are complete on disk before anything relies on them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


def make_folder(folder: Path) -> None:
    """Make a private folder and those above it; the folders survive a power cut.

    Existing folders are synced too: the process that made them may not have synced them yet.
    """
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    sync_names(folder)
    # `sync_names` has taken care of the first two. Each folder above is named in its parent, which has to be synced
    # too.
    for each in missing[2:]:
        sync_folder(each.parent)


def sync_folder(folder: Path) -> None:
    """Make new and renamed files of a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_names(path: Path) -> None:
    """Make a new file survive a power cut, and its folder, which may be as new.

    A folder without write permission is skipped: nothing in it is new.
    """
    for folder in path.parents[:2]:
        if os.access(folder, os.W_OK):
            sync_folder(folder)


def write_whole(fd: int, line: bytes) -> int:
    """Write bytes in one call and return their number.

    Raises:
        OSError: not all bytes were written.
    """
    written = os.write(fd, line)
    # No second call for the rest: a reader between the two would find half a line, and an interrupt would leave one.
    if written != len(line):
        raise OSError(f"{written} of {len(line)} bytes written: is the disk full?")
    return written


@contextmanager
def replacing(
    path: Path, temporary: Path, *, mode: int = 0o666, before_rename: Callable[[], None] = lambda: None
) -> Iterator[BinaryIO]:
    """Give the block a file to write into, which replaces ``path`` at the end of the block.

    A reader sees either the old content or the new content, complete. So does a reader after a power cut; once the
    folder is synced, it is the new content. Until the end of the block the content is at ``temporary``, and it is
    removed if the block fails. ``before_rename`` is called when the content is on disk, before the rename.
    """
    temporary.unlink(missing_ok=True)  # left by a process that was killed
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(temporary, flags, mode), "wb") as file:
            yield file
            file.flush()
            # Before the rename: else a power cut may leave the new name with an empty file behind it.
            os.fsync(file.fileno())
        before_rename()
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
