"""An owner as it is run: ``tape serve`` in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tape.client.owner_socket import ask
from tape.execution.events import HeartbeatSent
from tape.store.errors import StoreError
from tape.store.journal.writer import Journal

PROJECT = Path(__file__).resolve().parents[2]


def wait_for(condition: Callable[[], object], what: str, seconds: float = 60.0) -> None:
    """Waits until a condition holds; fails, saying what was waited for, after a time that is long enough for all."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, what
        time.sleep(0.02)


class Serving:
    """A running owner of a home, whose log can be read."""

    def __init__(self, home: Path, *words: str, **environment: str) -> None:
        self.home = home
        self._log = home / "serve.log"
        home.mkdir(exist_ok=True)
        with self._log.open("ab") as log:
            self._from = log.tell()
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tape", "--home", home, "serve", *words],
                cwd=PROJECT,
                stdout=subprocess.DEVNULL,
                stderr=log,
                env={**os.environ, **environment},
            )

    def __enter__(self) -> Self:
        wait_for(lambda: self.answers() or self.process.poll() is not None, "the owner does not answer")
        assert self.process.poll() is None, self.log
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


def check_unharmed(owner: Serving) -> None:
    """The owner answers, stores what comes, and none of its workers has ever failed."""
    before = counted(owner, "heartbeats")
    with Journal(owner.home, "after") as journal:
        journal.record([HeartbeatSent(ts=datetime.now(UTC), service="after")])
    wait_for(lambda: counted(owner, "heartbeats") > before, "the owner stores nothing more")
    workers = patiently(owner.status)["workers"]
    assert {name: worker for name, worker in workers.items() if worker["failures"]} == {}, owner.log


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
