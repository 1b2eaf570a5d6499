"""The owner's claim on a home: one process at a time opens the home's database read-write and keeps it open.

The claim is ``flock`` on ``logs/tape.pid``, a file with the owner's pid. The lock ends with the process, even when it
is killed.
"""

from __future__ import annotations

import fcntl
import os
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tape.store.errors import ExecutorRuns, OwnerRuns
from tape.store.home import Layout
from tape.store.own_files import ForeignFile

_PATIENCE_S = 0.3
"""How long a lock may be that of somebody who only asks, and has it for a moment."""


_PID = re.compile(rb"(\d+\s*)?")
CLAIMS = ("tape.pid", "tape-executor.pid")
"""Files under ``logs`` that hold a claim, and nothing that happened."""
_OLD_EXECUTOR_CLAIM = "executor.pid"
"""Of an older version. Other programs have a file of this name too, so it is only looked at."""


def _path(home: Path) -> Path:
    return Layout(home).owner_claim


@contextmanager
def owning(home: Path) -> Iterator[None]:
    """Hold the owner's claim for the block.

    Raises:
        OwnerRuns: another process holds the claim.
    """
    with _holding(_path(home), home, OwnerRuns):
        yield


@contextmanager
def trading(home: Path) -> Iterator[None]:
    """Hold the executor's claim for the block, in the same way: ``flock`` on ``logs/tape-executor.pid``.

    Raises:
        ExecutorRuns: another process holds the claim.
    """
    if (pid := _holder(Layout(home).logs / _OLD_EXECUTOR_CLAIM)) is not None:
        raise ExecutorRuns(home, pid)
    with _holding(Layout(home).executor_claim, home, ExecutorRuns):
        yield


@contextmanager
def _holding(path: Path, home: Path, refusal: type[OwnerRuns | ExecutorRuns]) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _lock(fd, home, refusal)
        # Looked at under the lock: before it, another owner might just be writing its pid.
        if _PID.fullmatch(os.pread(fd, 64, 0)) is None:
            raise _foreign(path)
        # Emptied first: a shorter pid would leave the last digits of a longer one.
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(fd)


def _lock(fd: int, home: Path, refusal: type[OwnerRuns | ExecutorRuns]) -> None:
    until = time.monotonic() + _PATIENCE_S
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            # Whoever only asks holds the lock for an instant. One try would take a question for an owner.
            if time.monotonic() > until:
                raise refusal(home, _pid(fd)) from None
            time.sleep(0.01)
        else:
            return


def owner_pid(home: Path) -> int | None:
    """Return the pid of the running owner of a home; ``None`` if there is none."""
    return _holder(_path(home))


def _holder(path: Path) -> int | None:
    """Return the pid in a claim file that a process has locked; ``None`` if no process has."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        # The lock tells, never the pid: a killed owner leaves its pid behind, and pids are given again.
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _pid(fd)
    finally:
        os.close(fd)
    return None


def refuse_foreign_claims(home: Path, names: Iterable[str]) -> None:
    """Check the claim files without claiming anything.

    Raises:
        ForeignFile: one of them holds something other than a pid.
    """
    for name in names:
        path = Layout(home).logs / name
        if path.exists() and _PID.fullmatch(path.read_bytes()[:64]) is None:
            raise _foreign(path)


def _foreign(path: Path) -> ForeignFile:
    return ForeignFile(path, "another program's content", "move it away")


def refuse_beside_owner(home: Path) -> None:
    """Refuse to go on while an owner runs, for commands that need the database to themselves.

    Raises:
        OwnerRuns: an owner has the database open.
    """
    if (pid := owner_pid(home)) is not None:
        raise OwnerRuns(home, pid)


def _pid(fd: int) -> int:
    said = os.pread(fd, 32, 0).strip()
    return int(said) if said.isdigit() else 0
