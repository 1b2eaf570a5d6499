"""The runtime: an executor with its venue and journal, stepped at its interval.

Here, at the edge, the executor gets what it must not reach for itself: a clock, ids, a journal, a venue, the published
files, and, for a paper account, a file that it goes on from after a restart (``logs/cache/paper_account.json``).

Laws kept here:
- a home has one executor at a time: two would trade one account twice (``flock`` on ``logs/tape-executor.pid``);
- what cannot be recorded is not traded: the executor ends, and its supervisor starts it again;
- a paper account is kept behind every tick that traded. Killed between a tick's record and this, it goes on from the
  tick before: that tick's trades are on record, and not in the account.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from tape.execution.autotune import Autotune
from tape.execution.config import DEFAULT_LIMITS, DEFAULT_UNIVERSE
from tape.execution.events import Event
from tape.execution.executor import Config, Executor
from tape.execution.published import Published
from tape.execution.strategy import Momentum
from tape.execution.venues.paper import PaperVenue
from tape.execution.venues.regimes import RegimeMarket
from tape.execution.venues.venue import Venue
from tape.settings import SECRETS, Settings
from tape.store.errors import StoreError
from tape.store.journal import Journal
from tape.store.owner_lock import refuse_foreign_claims, trading
from tape.symbols import say_unlisted

if TYPE_CHECKING:
    from tape.execution.venues.ccxt import CcxtVenue

_LOG = logging.getLogger("tape")
_TOLD_EVERY_S = 60.0


def executor_of(
    home: Path,
    settings: Settings,
    venue: Venue,
    record: Callable[[Sequence[Event]], object],
    new_id: Callable[[], str],
    *,
    seed: int | None = None,
) -> Executor:
    """An executor on a venue, as it is configured in a home."""
    flags, tuning, config = settings.flags, settings.autotune, config_of(settings)
    say_unlisted(config.limits, config.universe, {"autotune.symbol_allowlist": tuning.symbol_allowlist})
    return Executor(
        venue,
        record,
        strategy=Momentum(settings.executor.seed if seed is None else seed, new_id),
        config=config,
        flags=flags,
        published=Published(home / "logs" / "state"),
        new_id=new_id,
        autotune=Autotune(
            allowlist=tuning.symbol_allowlist,
            max_bias_delta=tuning.max_bias_delta,
            max_offset_step_bps=tuning.max_offset_step_bps,
            max_offset_abs_bps=tuning.max_offset_abs_bps,
            may_flip=tuning.allow_flip,
            qualities=tuning.require_quality,
        ),
        maker_wait_s=settings.executor.maker_wait_s,
    )


def config_of(settings: Settings) -> Config:
    """Limits and universe as configured, else the defaults of a paper account."""
    limits = DEFAULT_LIMITS if settings.limits is None else settings.limits
    universe = DEFAULT_UNIVERSE if settings.universe is None else settings.universe
    return Config.of(limits, universe)


def refuse_unusable(home: Path, settings: Settings) -> None:
    """Finds what would end an executor before it begins, without beginning anything.

    Raises:
        StoreError: the venue cannot be had as it is configured, or the paper account cannot be read.
        ForeignFile: the file of the executor's claim is another program's.
    """
    refuse_foreign_claims(home, ["tape-executor.pid"])
    if settings.executor.venue == "paper":
        _account(home).venue(settings, datetime.now(UTC))
    else:
        _real(settings)


@contextmanager
def live_executor(home: Path, settings: Settings) -> Iterator[Loop]:
    """An executor that records into the journal of a home, and the loop that steps it.

    Raises:
        StoreError: the venue cannot be had as it is configured, the home has an executor, or it cannot be recorded.
    """
    with trading(home):
        if settings.executor.venue == "paper":
            account = _account(home)
            venue = account.venue(settings, datetime.now(UTC))
            with Journal(home, "executor") as journal:
                executor = executor_of(home, settings, venue, journal.record, journal.new_id)
                yield Loop(executor, settings.executor.interval_s, account.save)
                account.save(is_last=True)
            return
        real = _real(settings)
        from tape.ccxt_account import CcxtAccount

        kept = CcxtAccount(home, real)
        with Journal(home, "executor") as journal:
            executor = executor_of(home, settings, real, kept.recording(journal), journal.new_id)
            kept.resume(executor)
            yield Loop(executor, settings.executor.interval_s, kept.save)
            kept.save()


def _account(home: Path) -> PaperAccount:
    return PaperAccount(home / "logs" / "cache" / "paper_account.json")


def _real(settings: Settings) -> CcxtVenue:
    flags = settings.flags
    if settings.executor.trading and (flags.dry_run.strip() != "0" or not flags.is_risk_engine_on):
        raise StoreError(
            "settings: executor.trading: expected DRY_RUN = 0 and RISK_ENGINE_V6_ENABLED = 1 with it, found"
            f" DRY_RUN = {flags.dry_run} and RISK_ENGINE_V6_ENABLED = {int(flags.is_risk_engine_on)}"
        )
    key, secret = (each.get_secret_value().strip() for each in (settings.api_key, settings.api_secret))
    missing = [name for name, value in zip(SECRETS, (key, secret), strict=True) if not value]
    if missing:
        raise StoreError(f"settings: venue ccxt: expected {' and '.join(SECRETS)}, found no {' and no '.join(missing)}")
    symbols = config_of(settings).universe.enabled
    if not symbols:
        raise StoreError("settings: universe: expected an enabled symbol to trade, found none")
    from tape.execution.venues.ccxt import CcxtVenue
    from tape.execution.venues.ccxt_requests import CcxtMissing

    try:
        return CcxtVenue(
            symbols,
            api_key=key,
            secret=secret,
            trading=settings.executor.trading,
            testnet=flags.testnet.strip().lower() in ("1", "true", "yes", "on"),
        )
    except CcxtMissing as error:
        raise StoreError(str(error)) from error


Finite = Annotated[float, Field(allow_inf_nan=False)]
Price = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Number = Annotated[int, Field(ge=0)]


class _Saved(BaseModel):
    """What ``PaperVenue.state`` tells: quotes are (symbol, ts, bid, ask, mark), lots (signed quantity, price)."""

    model_config = ConfigDict(extra="forbid")

    now: AwareDatetime
    wallet_usd: Finite
    lots: dict[str, list[tuple[Finite, Price]]]
    orders: Number
    trades: Number
    quotes: list[tuple[str, AwareDatetime, Price, Price, Price]]
    open: list[tuple[str, str | None, str]]

    @model_validator(mode="after")
    def _is_quoted(self) -> _Saved:
        if unquoted := sorted(self.lots.keys() - {quote[0] for quote in self.quotes}):
            raise ValueError(f"expected a quote of what is held, found none of {unquoted[0]}")
        return self


class PaperAccount:
    """The file that a paper account goes on from: what it was after the last trade. Made anew where there is none."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._venue: PaperVenue | None = None
        self._saved = b""

    def venue(self, settings: Settings, now: datetime) -> PaperVenue:
        """The paper venue, its market made up from here on.

        Raises:
            StoreError: the file is none that was written here.
        """
        state = self._load()
        quotes = {} if state is None else {quote[0]: (quote[2] + quote[3]) / 2 for quote in state["quotes"]}
        listed = config_of(settings).universe.listed
        held = () if state is None else tuple(state["lots"])
        symbols = sorted({entry.symbol for entry in listed} | set(held))
        # another start, another path: the seed alone would make every day the same one
        seed = settings.executor.seed if state is None else settings.executor.seed + int(state["orders"])
        market = RegimeMarket(symbols, seed, now, settings.executor.interval_s, start_prices=quotes)
        self._venue = PaperVenue(
            market,
            equity_usd=settings.executor.equity_usd,
            seed=settings.executor.seed,
            # an account begun anew must not use the order ids of the one before, which are on record
            numbers_from=int(now.timestamp()) if state is None else 0,
        )
        if state is not None:
            self._venue.restore(state)
            _LOG.info("the paper account goes on from %s", state["now"])
        return self._venue

    def save(self, *, is_last: bool = False) -> None:
        """Writes the account where something was traded or sent since; at the end always, for the prices.

        The file is private, on disk before it has its name, and replaced whole.
        """
        if self._venue is None or not self._venue.quotes():
            return
        state = self._venue.state()
        traded = orjson.dumps([state["wallet_usd"], state["lots"], state["orders"], state["open"]])
        if traded == self._saved and not is_last:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._path.with_name(f".{self._path.name}.tmp")
        temporary.unlink(missing_ok=True)
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
            file.write(orjson.dumps(state, option=orjson.OPT_INDENT_2))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self._path)
        self._saved = traded

    def _load(self) -> dict[str, Any] | None:
        if not self._path.exists():
            return None
        try:
            return _Saved.model_validate_json(self._path.read_bytes()).model_dump(mode="json")
        except ValidationError as error:
            first = error.errors(include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "the file"
            told = " ".join(first["msg"].removeprefix("Value error, ").split())
            raise StoreError(
                f"paper account {self._path}: {where}: {told}; move it away to begin another account"
            ) from error


class Loop:
    """Steps an executor at its interval. A step that takes too long costs ticks, which are counted, never caught up.

    A step that fails is counted, and logged once until one works again; an executor that is over ends the loop.
    """

    def __init__(self, executor: Executor, interval_s: float, keep: Callable[[], None]) -> None:
        self.executor = executor
        self.failures = 0
        self._interval_s = interval_s
        self._keep = keep
        self._is_failing = False
        self._told_at = -_TOLD_EVERY_S

    def run(self, stop: threading.Event) -> None:
        counts, due = self.executor.counts, time.monotonic()
        while not stop.is_set():
            counts.lag_s = max(0.0, time.monotonic() - due)
            self._step()
            due += self._interval_s
            late = time.monotonic() - due
            if late > 0:
                left_out = int(late // self._interval_s) + 1
                counts.overruns += left_out
                due += left_out * self._interval_s
                self._tell("a tick took %.2f s, expected at most %.2f s", self._interval_s + late, self._interval_s)
            stop.wait(max(0.0, due - time.monotonic()))

    def _step(self) -> None:
        try:
            self.executor.step(datetime.now(UTC))
            self._keep()
        except Exception:
            if self.executor.is_over:
                raise
            self.failures += 1
            if not self._is_failing:
                _LOG.exception("a tick failed; the next one is tried")
            self._is_failing = True
        else:
            if self._is_failing:
                _LOG.info("ticks work again")
            self._is_failing = False

    def _tell(self, text: str, *values: float) -> None:
        """Says it at most once a minute."""
        if time.monotonic() - self._told_at >= _TOLD_EVERY_S:
            self._told_at = time.monotonic()
            _LOG.warning(text, *values)
