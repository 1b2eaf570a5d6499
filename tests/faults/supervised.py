"""An owner under a supervisor: whenever it ends, it is started again."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tape.store.errors import StoreError
from tests.tape.owners import Serving, wait_for

_RESTART_S = 0.2


class Supervised:
    """``tape serve`` of a home while the block runs. ``ended``: exit code and log of each that ended by itself."""

    def __init__(self, home: Path, **environment: str) -> None:
        self.home = home
        self.ended: list[tuple[int, str]] = []
        self._environment = environment
        self._stops = threading.Event()
        self._serving = Serving(home, **environment)
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        self.is_ready()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._halt()
        self._serving.kill()

    @property
    def log(self) -> str:
        """Of all of them."""
        return (self.home / "serve.log").read_text()

    @property
    def pid(self) -> int:
        return self._serving.pid

    def status(self) -> dict[str, Any] | None:
        """What the one that runs says, ``None`` where none does."""
        try:
            return self._serving.status()
        except StoreError:
            return None

    def is_ready(self) -> float:
        """Waits until it is; the seconds that took."""
        return self._waited(lambda: (self.status() or {}).get("ready"), "it is not ready again")

    def is_not_ready(self, reason: str = "") -> float:
        """Waits until it is not, or is gone; the seconds that took."""

        def tells() -> bool:
            status = self.status()
            return status is None or (not status["ready"] and reason in "; ".join(status["not_ready"]))

        return self._waited(tells, f"it is ready: {reason}")

    def end(self) -> int:
        """Ends it as a supervisor does that is told to stop; its exit code."""
        self._halt()
        return self._serving.end()

    def _waited(self, condition: Any, what: str) -> float:
        began = time.monotonic()
        wait_for(condition, f"{what}\n{self.log[-4000:]}", seconds=120)
        return time.monotonic() - began

    def _halt(self) -> None:
        self._stops.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stops.wait(_RESTART_S):
            if (code := self._serving.process.poll()) is not None:
                self.ended.append((code, self._serving.log))
                self._serving = Serving(self.home, **self._environment)
