"""The state of a real account across restarts: ``logs/cache/VENUE_account.json``.

The file holds how far the exchange was read, and the open orders. The next executor therefore records fills and ends of
orders that happened while no executor ran, once and under their attempt.

Laws kept here:
- a batch about orders is written in two steps: first this file, with the state before and after the batch and the
  batch's number, then the batch. After a kill in between, the journal tells which state holds;
- the file is private, synced before it gets its name, and replaced whole;
- a file that cannot be read stops nothing: that is logged, the file is moved aside, and the account is read from now
  on.

An order sent in the tick of a kill is recorded without its attempt, like an order placed by hand.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from tape.execution.attempts import AtWork
from tape.execution.events import (
    Event,
    FundingSettled,
    OrderAcked,
    OrderAttempted,
    OrderClosed,
    OrderFailed,
    OrderFilled,
    OrderMeasured,
    TransferRecorded,
)
from tape.execution.executor import Executor
from tape.execution.venues.ccxt import CcxtVenue
from tape.execution.venues.ccxt_progress import Progress
from tape.store.durable import replacing
from tape.store.errors import StoreError
from tape.store.home import Layout
from tape.store.journal.segments import journal_folder, read_header, read_lines, segment_name, segment_paths
from tape.store.journal.writer import Journal

_LOG = logging.getLogger("tape")
_OF_ACCOUNT = (
    OrderAttempted,
    OrderAcked,
    OrderFilled,
    OrderClosed,
    OrderFailed,
    OrderMeasured,
    FundingSettled,
    TransferRecorded,
)
_READ_BYTES = 1 << 24


@dataclass
class State:
    """The state after a batch: how far the exchange was read, and the open orders."""

    progress: Progress
    at_work: AtWork


@dataclass
class Saved:
    """The content of the file. ``run_id`` and ``seq`` name the batch between ``before`` and ``after``; 0: no batch."""

    after: State
    before: State | None = None
    run_id: str = ""
    seq: int = 0


_STATE, _SAVED = TypeAdapter(State), TypeAdapter(Saved)


class CcxtAccount:
    """Saves the state of an executor on a real account for the next executor."""

    def __init__(self, home: Path, venue: CcxtVenue) -> None:
        self._home, self._venue = home, venue
        self._path = Layout(home).cache / f"{venue.name}_account.json"
        self._executor: Executor | None = None
        self._last = b"null"
        """JSON of the state behind the last batch: what it was made of changes with the next one."""
        self._written = b""

    def resume(self, executor: Executor) -> None:
        """Give the saved state, if any, to an executor that has not begun."""
        self._executor = executor
        saved = self._load()
        if saved is None:
            return
        state = saved.after if saved.seq == 0 or self._is_recorded(saved) else saved.before
        if state is None:  # the first batch of all was not recorded
            return
        self._last = _STATE.dump_json(state)
        self._venue.restore(state.progress)
        executor.restore(state.at_work)
        _LOG.info("the account goes on from %s, with %d orders at work", state.progress.now, len(state.at_work.working))

    def recording(self, journal: Journal) -> Callable[[Sequence[Event]], object]:
        """Return the function that records a batch; for a batch about orders it writes this file first."""

        def record(batch: Sequence[Event]) -> object:
            state = self._state() if any(isinstance(event, _OF_ACCOUNT) for event in batch) else None
            if state is not None:
                self._write(state, journal.run_id, journal.recorded + 1)
            return journal.record(batch)

        return record

    def save(self) -> None:
        """Save the state if it changed: an order was sent, or has another status at the exchange."""
        state = self._state()
        if state is not None:
            self._write(state)

    def _state(self) -> State | None:
        progress = self._venue.progress()
        if self._executor is None or progress is None:
            return None
        return State(progress, self._executor.at_work())

    def _write(self, state: State, run_id: str = "", seq: int = 0) -> None:
        kept = _STATE.dump_json(state, exclude={"progress": {"now"}}) + f"{run_id} {seq}".encode()
        if kept == self._written:
            return
        after = _STATE.dump_json(state)
        content = b'{"after":%s,"before":%s,"run_id":"%s","seq":%d}' % (after, self._last, run_id.encode(), seq)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(self._path, self._path.with_name(f".{self._path.name}.tmp"), mode=0o600) as file:
            file.write(content)
        self._last, self._written = after, kept

    def _load(self) -> Saved | None:
        try:
            return _SAVED.validate_json(self._path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValidationError) as error:
            aside = self._path.with_name(f"{self._path.name}.unread")
            first = str(error).splitlines()[0]
            _LOG.warning(
                "account %s: %s; moved to %s: what happened while no executor ran is not told", self._path, first, aside
            )
            self._path.replace(aside)
            return None

    def _is_recorded(self, saved: Saved) -> bool:
        """Return whether the journal has the batch. A run without any segment left was stored long ago."""
        paths = [
            path
            for path in segment_paths(journal_folder(self._home))
            if path.name.startswith(segment_name("executor", saved.run_id, 0)[: -len("000000.journal")])
        ]
        if not paths:
            return True
        try:
            header = read_header(paths[-1])
            last = header.first_seq - 1
            offset, number = header.data_offset, 2
            while lines := list(read_lines(header.path, offset, number, _READ_BYTES)):
                offset, number = lines[-1].end, lines[-1].number + 1
                last = max([last, *(line.seq for line in lines if not line.fault)])
        except (OSError, StoreError) as error:
            _LOG.warning("%s: whether its last batch was recorded is not known, so it is not told again", error)
            return True
        return last >= saved.seq
