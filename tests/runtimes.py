"""A whole runtime on a simulated clock, for tests: executor on paper, journal, ingest and published files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from tape.execution.venues.paper import PaperVenue
from tape.execution.venues.regimes import RegimeMarket
from tape.exporters.mirrors.live import Mirrors
from tape.exporters.publisher import Publisher
from tape.runtime.config import config_of
from tape.runtime.executor import executor_of
from tape.settings import Settings, load_settings
from tape.store.database import closing, open_database
from tape.store.ingest.ingest import Ingest
from tape.store.journal.writer import Journal


class Runtime:
    """What ``tape run`` puts together, stepped by hand: ``tick`` as often as wanted, then ``publish``."""

    def __init__(
        self, home: Path, settings: Settings, journal: Journal, connection: duckdb.DuckDBPyConnection, start: datetime
    ) -> None:
        self.home = home
        self.settings = settings
        self.now = start
        self.connection = connection
        market = RegimeMarket(config_of(settings).universe.enabled, 1, start)
        self.venue = PaperVenue(market, equity_usd=10_000, seed=1)
        self.executor = executor_of(home, settings, self.venue, journal.record, journal.new_id)
        self._ingest = Ingest(connection.cursor(), home, home)
        self._publisher = Publisher(connection, home / "logs" / "state", configured=settings.configured)
        self._mirrors = Mirrors(connection, home / "logs")
        self._versions: dict[str, int] = {}

    def tick(self, count: int = 1, every_s: float = 1.0) -> None:
        """Steps the executor; time goes on between two steps."""
        for _ in range(count):
            self.now += timedelta(seconds=every_s)
            self.executor.step(self.now)

    def publish(self) -> list[str]:
        """Stores what was recorded, publishes what is due now, and brings the logs up to date."""
        self.store()
        at = self.now.timestamp()
        names = self._publisher.publish_due(self._versions, self.now, writing=nullcontext(), at=at)
        while self._mirrors.run_once(nullcontext(), self._versions):
            pass
        return names

    def store(self) -> None:
        """Stores what was recorded."""
        while (done := self._ingest.run_once()).tables:
            self._versions.update(dict.fromkeys(done.tables, done.last_seq))

    def file(self, name: str) -> dict[str, Any]:
        return dict(json.loads((self.home / "logs" / "state" / name).read_bytes()))

    def lines(self, name: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.home / "logs" / name).read_bytes().splitlines()]


@contextmanager
def runtime(database: Path, start: datetime) -> Iterator[Runtime]:
    """A runtime over a migrated database ``HOME/logs/tape.duckdb``."""
    home = database.parent.parent
    settings = load_settings(home)
    with Journal(home, "executor") as journal, closing(open_database(database)) as connection:
        yield Runtime(home, settings, journal, connection, start)
