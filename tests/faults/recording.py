"""Producers as processes of their own, which can be killed, and what they say they have recorded.

``python -m tests.faults.recording HOME PRODUCER SEED RATE`` records made-up trading through the real journal until it
is killed. Behind each ``record()`` that returned it writes one line: its run, and the ids of the batch's events.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Self

from tape.execution.events import Event, IntentVetoed, ShadowDecided
from tape.runtime.load import Market
from tape.store.journal.writer import Journal
from tests.programs import Program

PADDING = "x" * 16_000
"""Makes vetoes so long that their log is rotated within a minute."""
EARLIER = timedelta(minutes=5)
"""How long ago shadow decisions were made: they are compared at once."""


def record_for_ever(home: Path, producer: str, seed: int, rate: float) -> None:
    """Records so many events a second and tells each batch on stdout."""
    journal = Journal(home, producer)
    began, sent = time.monotonic(), 0
    for batch in Market(Random(seed), journal).batches(lambda: time.monotonic() - began):  # noqa: S311 (seeded)
        named = [_named(event, journal.new_id()) for event in batch]
        journal.record(named)
        os.write(1, f"{journal.run_id} {' '.join(str(event.event_id) for event in named)}\n".encode())
        sent += len(batch)
        time.sleep(max(0.0, began + sent / rate - time.monotonic()))


def _named(event: Event, event_id: str) -> Event:
    changed: dict[str, object] = {"event_id": event.event_id or event_id}
    if isinstance(event, IntentVetoed):
        changed["veto_detail"] = {"padding": PADDING}
    if isinstance(event, ShadowDecided):
        changed["ts"] = event.ts - EARLIER
    return event.model_copy(update=changed)


class Producers:
    """Running producers of a home. ``told``: by run, the ids of each batch that was recorded, in order."""

    def __init__(self, home: Path, chance: Random, *, rate: float = 150.0) -> None:
        self.told: dict[str, list[tuple[str, ...]]] = defaultdict(list)
        self._home, self._chance, self._rate = home, chance, rate
        self._running: dict[str, Program] = {}
        self._ear, self._mouth = os.pipe()
        self._listener = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> Self:
        self._listener.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill_all()

    def start(self, name: str) -> None:
        """Starts a run; the one of that name before it is over."""
        words = [self._home, name, self._chance.getrandbits(32), self._rate]
        self._running[name] = Program("-m", "tests.faults.recording", *map(str, words), stdout=self._mouth)

    def kill(self, name: str) -> None:
        """With SIGKILL, whatever it is doing."""
        process = self._running.pop(name)
        assert process.poll() is None, f"producer {name} ended by itself, with {process.returncode}"
        process.kill()
        process.wait()

    def kill_all(self) -> None:
        """And hears what they told before."""
        for process in self._running.values():
            process.kill()
            process.wait()
        self._running.clear()
        if self._mouth >= 0:
            os.close(self._mouth)
            self._mouth = -1
            self._listener.join()

    def _listen(self) -> None:
        """Until the last of them is dead; a line is one ``write(2)`` shorter than a pipe takes whole."""
        with os.fdopen(self._ear, "rb") as ear:
            for run_id, *ids in map(_words, ear):
                self.told[run_id].append(tuple(ids))


def _words(line: bytes) -> Iterator[str]:
    assert line.endswith(b"\n"), line
    yield from line.decode().split()


if __name__ == "__main__":
    record_for_ever(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
