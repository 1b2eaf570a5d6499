"""A producer that goes on whatever happens, and knows what it was told is recorded."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from tape.execution.events import HeartbeatSent, IntentVetoed, Ticked
from tape.store.database import closing, open_database
from tape.store.journal.segments import JournalError
from tape.store.journal.writer import Journal
from tests.tape.owners import wait_for


class Trader:
    """Records a batch some hundred times a second while the block runs: a tick, a heartbeat and a veto."""

    def __init__(self, home: Path, *, every_s: float = 0.01, padding: int = 0) -> None:
        self.home = home
        self.recorded: list[str] = []
        """The names of the batches whose ``record()`` returned."""
        self.refusals: list[str] = []
        """What it said of the others."""
        self._every_s = every_s
        self._padding = "x" * padding
        self._journal = Journal(home, "trader")
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run, name="trader", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        self._ends.set()
        self._thread.join()
        self._journal.close()

    def records(self, more: int = 20) -> None:
        """Waits until it has recorded some more."""
        upto = len(self.recorded) + more
        wait_for(lambda: len(self.recorded) >= upto, "it records nothing more")

    def is_refused(self) -> None:
        """Waits until something more is refused."""
        upto = len(self.refusals) + 1
        wait_for(lambda: len(self.refusals) >= upto, "nothing is refused")

    def _run(self) -> None:
        number = 0
        while not self._ends.wait(self._every_s):
            number += 1
            name, now = f"t{number}", datetime.now(UTC)
            tick = Ticked(ts=now, equity_usd=float(number))
            veto = IntentVetoed(
                ts=now, symbol="BTCUSDT", side="BUY", veto_reason=name, veto_detail={"padding": self._padding}
            )
            try:
                self._journal.record([tick, HeartbeatSent(ts=now, service=name), veto])
            except JournalError as error:
                self.refusals.append(str(error))
            else:
                self.recorded.append(name)


def stored(home: Path) -> list[str]:
    """The names of the batches that the database of a home without an owner holds, in order."""
    with closing(open_database(home / "logs" / "tape.duckdb", read_only=True)) as connection:
        found = connection.execute("select service from heartbeats where service like 't%' order by ingest_seq")
        return [service for (service,) in found.fetchall()]
