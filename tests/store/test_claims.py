"""One process at a time owns a home; its claim ends with it, however it ends."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tape.store.claims import owner_pid, owning, refuse_beside_owner
from tape.store.errors import OwnerRuns

OWNER = """
import pathlib, sys
from tape.store.claims import owning

with owning(pathlib.Path(sys.argv[1])):
    print(1, flush=True)
    sys.stdin.read()
"""


@contextmanager
def another_owner(home: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that owns a home until its input ends."""
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, str(home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "1\n"
        yield process


def claim(home: Path) -> None:
    with owning(home):
        pass


def test_without_an_owner_there_is_no_pid_and_nothing_is_refused(tmp_path: Path) -> None:
    assert owner_pid(tmp_path) is None
    refuse_beside_owner(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_second_owner_is_refused_with_the_pid_of_the_first(tmp_path: Path) -> None:
    with another_owner(tmp_path) as process:
        assert owner_pid(tmp_path) == process.pid
        for refused in (claim, refuse_beside_owner):
            with pytest.raises(OwnerRuns, match=f"pid {process.pid}") as caught:
                refused(tmp_path)
            assert (caught.value.home, caught.value.pid) == (tmp_path, process.pid)


def test_the_claim_ends_with_a_kill(tmp_path: Path) -> None:
    with another_owner(tmp_path) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert owner_pid(tmp_path) is None
        with owning(tmp_path):
            assert owner_pid(tmp_path) == os.getpid()
    assert owner_pid(tmp_path) is None


def test_the_claim_ends_with_its_block_also_by_an_exception(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), owning(tmp_path):
        raise RuntimeError
    claim(tmp_path)


def test_a_child_of_the_owner_does_not_keep_the_claim(tmp_path: Path) -> None:
    with owning(tmp_path):
        child = subprocess.Popen(["sleep", "60"])
    try:
        assert owner_pid(tmp_path) is None
    finally:
        child.kill()
        child.wait()


def test_two_homes_have_two_owners(tmp_path: Path) -> None:
    with owning(tmp_path / "a"), owning(tmp_path / "b"):
        assert owner_pid(tmp_path / "a") == owner_pid(tmp_path / "b") == os.getpid()


def test_somebody_who_only_asks_keeps_no_owner_from_starting(tmp_path: Path) -> None:
    claim(tmp_path)
    asking = os.open(tmp_path / "logs" / "tape.pid", os.O_RDONLY)
    fcntl.flock(asking, fcntl.LOCK_SH)
    goes_away = threading.Timer(0.05, os.close, [asking])
    goes_away.start()
    claim(tmp_path)
    goes_away.join()
