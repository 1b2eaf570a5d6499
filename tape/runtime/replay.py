"""A replay: the executor on a recorded market, on the market's own clock, with ingest and exports in step.

Laws kept here:
- one thread, one clock: at a tick the executor acts; after every ``publish_every_s`` of market time its events are
  stored, and the files are published as of that instant. Therefore the same market, seed and settings give the same
  rows (except host and process id), and a publication equals what SQL computes for its instant later;
- a replay begins in a home without history, because its past must not be mixed with a real one.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

from tape.execution.config import Universe
from tape.execution.counts import Counts
from tape.execution.venues.candles import CandleMarket
from tape.execution.venues.frames import FrameMarket
from tape.execution.venues.paper import PaperVenue
from tape.execution.venues.recorded import MarketUnreadable
from tape.execution.venues.replay import open_market
from tape.exporters.mirrors.live import Mirrors
from tape.exporters.publisher import Publisher
from tape.owner.scratch import scratch_folder
from tape.runtime.config import config_of
from tape.runtime.executor import executor_of
from tape.settings import Settings
from tape.store.claims import CLAIMS, owning
from tape.store.database import closing, migrate, open_database
from tape.store.errors import StoreError
from tape.store.home import Layout
from tape.store.ingest.ingest import Ingest
from tape.store.journal.writer import Journal

_LOG = logging.getLogger("tape")
PUBLISH_EVERY_S = 7200.0
FSYNC_EVERY_S = 1.0


@dataclass
class Replayed:
    """The result of a replay so far; ``now``: the time of the market."""

    first: datetime
    last: datetime
    now: datetime
    counts: Counts
    stored: int = 0
    rounds: int = 0
    files: int = 0
    seconds: float = 0.0
    left_out: int = 0
    """Frames of the market that could not be read."""
    first_left_out: str | None = None
    """Line and reason of the first of them."""


class Pace:
    """Limits a replay to a multiple of real time; ``None``: as fast as possible."""

    def __init__(self, speed: float | None, first: datetime) -> None:
        self._speed, self._first, self._started = speed, first, time.monotonic()

    def wait_for(self, now: datetime) -> None:
        if self._speed is not None:
            at = self._started + (now - self._first).total_seconds() / self._speed
            time.sleep(max(0.0, at - time.monotonic()))


def replay(
    home: Path,
    settings: Settings,
    market_path: Path,
    *,
    speed: float | None = None,
    seed: int = 1,
    interval_s: float | None = None,
    publish_every_s: float = PUBLISH_EVERY_S,
    tell: Callable[[Replayed], None] = lambda _: None,
) -> Replayed:
    """Replay a market file in a home; ``tell`` is called after every round of exports.

    ``interval_s``: seconds between ticks; by default the market's own spacing, at least a second.

    Raises:
        StoreError: the home has a history, or an owner; or the market cannot be read.
    """
    market = _market(market_path)
    _say_unlisted(market.symbols, config_of(settings).universe)
    started, interval = time.monotonic(), timedelta(seconds=interval_s or max(1.0, market.step_s))
    with ExitStack() as stack:
        stack.enter_context(_without_warnings(logging.getLogger("tape.execution.published")))
        stack.enter_context(owning(home))
        _refuse_history(home)
        scratch = Path(stack.enter_context(scratch_folder(home)))
        stage = stack.enter_context(_stage(home, settings, scratch, market.first_ts, seed))
        venue = PaperVenue(market, equity_usd=settings.executor.equity_usd, seed=seed, name="replay")
        executor = executor_of(home, settings, venue, stage.journal.record, stage.journal.new_id, seed=seed)
        done = Replayed(market.first_ts, market.last_ts, market.first_ts, executor.counts)
        pace, publish_every = Pace(speed, market.first_ts), timedelta(seconds=publish_every_s)
        next_round = market.first_ts
        for now in _ticks(market.first_ts, market.last_ts, interval):
            pace.wait_for(now)
            stage.now = done.now = now
            executor.step(now)
            if now >= next_round or now + interval > market.last_ts:
                next_round = now + publish_every
                done.stored, done.files = stage.publish(now), done.files + stage.published
                done.rounds += 1
                done.seconds = time.monotonic() - started
                if isinstance(market, FrameMarket):
                    done.left_out, done.first_left_out = market.rejected, market.first_rejection
                tell(done)
    return done


@contextmanager
def _without_warnings(logger: logging.Logger) -> Iterator[None]:
    """Silence warnings of old allocations: between two exports of a replay they grow older than in a live runtime."""
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


def _market(path: Path) -> CandleMarket | FrameMarket:
    try:
        return open_market(path)
    except MarketUnreadable as error:
        raise StoreError(str(error)) from error


def _say_unlisted(symbols: Sequence[str], universe: Universe) -> None:
    """Log the symbols of the market that are not enabled in the universe, and therefore not traded."""
    unlisted = [symbol for symbol in symbols if symbol not in universe.enabled]
    if unlisted:
        _LOG.warning("not enabled in the universe, so that nothing of it is traded: %s", ", ".join(unlisted))


def _refuse_history(home: Path) -> None:
    """Refuse a home with files of any earlier run: the executor reads published files, and logs are appended to."""
    found = sorted(path for path in Layout(home).logs.rglob("*") if path.is_file() and path.name not in CLAIMS)
    if found:
        raise StoreError(f"replay: expected a home without history, found {found[0]}")


def _ticks(first: datetime, last: datetime, interval: timedelta) -> Iterator[datetime]:
    for at in count():
        now = first + at * interval
        if now > last:
            return
        yield now


class _Stage:
    """Journal, database and exports of a replay, on its clock ``now``."""

    def __init__(self, journal: Journal, ingest: Ingest, publisher: Publisher, mirrors: Mirrors) -> None:
        self.now = datetime.fromtimestamp(0, UTC)
        self.published = 0
        self.journal = journal
        self._ingest = ingest
        self._publisher = publisher
        self._mirrors = mirrors
        self._versions: dict[str, int] = {}

    def publish(self, now: datetime) -> int:
        """Store the recorded events, publish due files, and update the logs; return the rows stored so far."""
        while True:
            done = self._ingest.run_once()
            self._versions.update(dict.fromkeys(done.tables, done.last_seq))
            if not done.has_more and not self._ingest.is_catching_up:
                break
        names = self._publisher.publish_due(self._versions, now, writing=nullcontext(), at=now.timestamp())
        self.published = len(names)
        while self._mirrors.run_once(nullcontext(), self._versions):
            pass
        return max(self._versions.values(), default=0)


@contextmanager
def _stage(home: Path, settings: Settings, scratch: Path, first: datetime, seed: int) -> Iterator[_Stage]:
    places = Layout(home)
    migrate(places.database, settings.resources())
    with closing(open_database(places.database, settings.resources())) as connection:
        stage: _Stage

        def clock_ns() -> int:
            return round(stage.now.timestamp() * 1_000_000) * 1000

        with Journal(
            home,
            "executor",
            run_id=f"replay.{first:%Y%m%dT%H%M%S}.{seed}",
            fsync_every_s=FSYNC_EVERY_S,
            clock_ns=clock_ns,
        ) as journal:
            publisher = Publisher(
                connection, places.state, configured=settings.configured, intervals=settings.intervals
            )
            stage = _Stage(
                journal, Ingest(connection.cursor(), home, scratch), publisher, Mirrors(connection, places.logs)
            )
            yield stage
