"""A file is replaced whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tape.store.durable import replacing


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file that has a content."""
    path = tmp_path / "nav.json"
    path.write_bytes(b"old")
    return path


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    return tmp_path / ".nav.json.tmp"


def test_the_new_content_is_on_disk_before_it_takes_the_place_of_the_old(
    path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = []
    sync = os.fsync

    def synced(fd: int) -> None:
        sync(fd)
        done.append(("synced", temporary.read_bytes(), path.read_bytes()))

    monkeypatch.setattr(os, "fsync", synced)
    with replacing(path, temporary, before_rename=lambda: done.append(("asked", b"", path.read_bytes()))) as file:
        file.write(b"new")
    assert done == [("synced", b"new", b"old"), ("asked", b"", b"old")]
    assert path.read_bytes() == b"new"
    assert not temporary.exists()


@pytest.mark.parametrize("at", ["block", "rename"])
def test_what_fails_leaves_the_old_content_and_nothing_beside_it(path: Path, temporary: Path, at: str) -> None:
    def fail() -> None:
        raise OSError("no space left")

    def write() -> None:
        with replacing(path, temporary, before_rename=fail) as file:
            file.write(b"new")
            if at == "block":
                fail()

    with pytest.raises(OSError, match="no space left"):
        write()
    assert path.read_bytes() == b"old"
    assert list(path.parent.iterdir()) == [path]


def test_what_a_killed_process_left_at_the_temporary_name_is_no_part_of_the_new_content(
    path: Path, temporary: Path
) -> None:
    temporary.write_bytes(b"a longer content than the new one")
    with replacing(path, temporary, mode=0o600) as file:
        file.write(b"new")
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o600
