"""An owner as it is run: ``tape serve`` in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from subprocess import DEVNULL
from types import TracebackType
from typing import Any, Self

import pytest

from tape.client.owner_socket import ask
from tape.execution.events import HeartbeatSent
from tape.store.errors import StoreError
from tape.store.journal.writer import Journal
from tests.programs import Program
from tests.templates import give_database

SOON_S = 20.0
"""What ends soon takes two seconds on an idle machine. Tests tell it from a hang, and say nothing of the machine."""


def wait_for(condition: Callable[[], object], what: str, seconds: float = 60.0) -> None:
    """Waits until a condition holds; fails, saying what was waited for, after a time that is long enough for all."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, what
        time.sleep(0.02)


def wait_until_busy(pid: int) -> None:
    """Waits until a process has computed for a quarter of a second more, as one does that runs a long query."""
    until = _cpu_s(pid) + 0.25
    wait_for(lambda: _cpu_s(pid) > until, "it computes nothing")


def _cpu_s(pid: int) -> float:
    """The processor time of a process."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


class Serving:
    """A running owner of a home, whose log can be read; a new home is given its database."""

    def __init__(self, home: Path, *words: str, **environment: str) -> None:
        self.home = home
        self._log = home / "serve.log"
        home.mkdir(exist_ok=True)
        if _is_new(home):
            give_database(home)
        with self._log.open("ab") as log:
            self._from = log.tell()
            self.process = Program(
                "-m", "tape", "--home", home, "serve", *words, stdout=DEVNULL, stderr=log, environment=environment
            )

    def __enter__(self) -> Self:
        try:
            wait_for(lambda: self.answers() or self.process.poll() is not None, "the owner does not answer")
            assert self.process.poll() is None, self.log
        except AssertionError:
            self.kill()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    @property
    def log(self) -> str:
        """What this owner has said so far."""
        return self._log.read_bytes()[self._from :].decode()

    @property
    def pid(self) -> int:
        return self.process.pid

    def answers(self) -> bool:
        try:
            ask(self.home, {"request": "status"})
        except StoreError:
            return False
        return True

    def status(self) -> dict[str, Any]:
        return ask(self.home, {"request": "status"})

    def query(self, sql: str, **more: Any) -> dict[str, Any]:
        return ask(self.home, {"request": "query", "sql": sql, **more})

    def value(self, sql: str) -> Any:
        """The only value of a query."""
        return self.query(sql)["rows"][0][0]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def end(self, number: int = signal.SIGTERM) -> int:
        """Asks it to end; its exit code."""
        self.process.send_signal(number)
        return self.process.wait(timeout=60)


def _is_new(home: Path) -> bool:
    """Whether nothing but a producer has been here: its first owner would only make an empty database."""
    logs = home / "logs"
    return not logs.exists() or [path.name for path in logs.iterdir()] == ["journal"]


def check_unharmed(owner: Serving) -> None:
    """The owner answers, stores what comes, and none of its workers has ever failed."""
    before = counted(owner, "heartbeats")
    with Journal(owner.home, "after") as journal:
        journal.record([HeartbeatSent(ts=datetime.now(UTC), service="after")])
    wait_for(lambda: counted(owner, "heartbeats") > before, "the owner stores nothing more")
    workers = patiently(owner.status)["workers"]
    assert {name: worker for name, worker in workers.items() if worker["failures"]} == {}, owner.log


def check_after(request: pytest.FixtureRequest, owner: Serving) -> None:
    """Check that the owner is unharmed; of a test with many rows only after every eighth, as it costs more than a row.

    Harm that a row does lasts, so that the check after a later row finds it.
    """
    rows = getattr(request.node, "callspec", None)
    if rows is None or sum(rows.indices.values()) % 8 == 0:
        check_unharmed(owner)
    else:
        assert patiently(owner.status)["ok"]


def counted(owner: Serving, table: str) -> int:
    """The rows of a table."""
    return int(patiently(lambda: owner.value(f"select count(*) from {table}")))


def patiently(ask_once: Callable[[], Any]) -> Any:
    """What an owner answers in the end: it may have no place for a while, and a slow machine may need more time."""
    found: list[Any] = []

    def asked() -> bool:
        try:
            found.append(ask_once())
        except StoreError as error:
            if not str(error).startswith(("query: ", "door: ")):
                raise
            return False
        return True

    wait_for(asked, "the owner does not answer")
    return found[0]


def peer(owner: Serving) -> socket.socket:
    connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connected.settimeout(30)
    connected.connect(str(owner.home / "logs" / "tape.sock"))
    return connected


def said(owner: Serving, request: bytes) -> dict[str, Any]:
    """What the owner says to these bytes."""
    with peer(owner) as connected:
        try:
            connected.sendall(request)
        except ConnectionError:
            pass
        else:
            connected.shutdown(socket.SHUT_WR)
        with connected.makefile("rb") as answer:
            return dict(json.loads(answer.readline()))
