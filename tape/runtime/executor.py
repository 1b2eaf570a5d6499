"""The runtime: an executor with its venue and journal, stepped at its interval.

This module gives the executor everything that it must not fetch itself: a clock, ids, a journal, a venue, the published
files, and its account from before a restart.

Laws kept here:
- a home has one executor at a time: two would trade one account twice (``flock`` on ``logs/tape-executor.pid``);
- an executor that cannot record does not trade: it ends, and its supervisor restarts it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from tape.client.symbols import say_unlisted
from tape.execution.autotune import Autotune
from tape.execution.events import Event
from tape.execution.executor import Executor
from tape.execution.published import Published
from tape.execution.strategy import Momentum
from tape.execution.venues.ccxt import CcxtVenue
from tape.execution.venues.ccxt_requests import CcxtMissing
from tape.execution.venues.venue import Venue
from tape.runtime.ccxt_account import CcxtAccount
from tape.runtime.config import config_of, say_limits
from tape.runtime.loop import Loop
from tape.runtime.paper_account import PaperAccount
from tape.sections import OFF_WORDS, ON_WORDS
from tape.settings import SECRETS, Settings
from tape.store.claims import refuse_foreign_claims, trading
from tape.store.errors import StoreError
from tape.store.home import Layout
from tape.store.journal.writer import Journal


def executor_of(
    home: Path,
    settings: Settings,
    venue: Venue,
    record: Callable[[Sequence[Event]], object],
    new_id: Callable[[], str],
    *,
    seed: int | None = None,
) -> Executor:
    """Return an executor on a venue, as configured in a home."""
    flags, tuning, config = settings.flags, settings.autotune, config_of(settings)
    say_limits(settings, config)
    say_unlisted(config.limits, config.universe, {"autotune.symbol_allowlist": tuning.symbol_allowlist})
    return Executor(
        venue,
        record,
        strategy=Momentum(settings.executor.seed if seed is None else seed, new_id),
        config=config,
        flags=flags,
        published=Published(Layout(home).state),
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


def refuse_unusable(home: Path, settings: Settings) -> None:
    """Find everything that would stop an executor at its start, without starting anything.

    Raises:
        StoreError: the venue cannot be used as configured, or the paper account cannot be read.
        ForeignFile: the file of the executor's claim belongs to another program.
    """
    refuse_foreign_claims(home, ["tape-executor.pid"])
    if settings.executor.venue == "paper":
        _account(home).venue(settings, datetime.now(UTC))
    else:
        _real(settings)


@contextmanager
def live_executor(home: Path, settings: Settings) -> Iterator[Loop]:
    """Return an executor that records into the journal of a home, and the loop that steps it.

    Raises:
        StoreError: the venue cannot be used as configured, the home has an executor already, or recording fails.
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
        kept = CcxtAccount(home, real)
        with Journal(home, "executor") as journal:
            executor = executor_of(home, settings, real, kept.recording(journal), journal.new_id)
            kept.resume(executor)
            yield Loop(executor, settings.executor.interval_s, kept.save)
            kept.save()


def _account(home: Path) -> PaperAccount:
    return PaperAccount(Layout(home).cache / "paper_account.json")


def _is_on(name: str, text: str) -> bool:
    """Return whether a switch for real money is on; text that is neither on nor off is refused, not guessed.

    Raises:
        StoreError: the text is neither on nor off.
    """
    word = text.strip().lower()
    if word not in (*ON_WORDS, *OFF_WORDS):
        raise StoreError(
            f"settings: {name}: expected one of {', '.join((*ON_WORDS, *OFF_WORDS[:-1]))}, found {text!r:.40}"
        )
    return word in ON_WORDS


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
    try:
        return CcxtVenue(
            symbols,
            api_key=key,
            secret=secret,
            trading=settings.executor.trading,
            testnet=_is_on("BINANCE_TESTNET", flags.testnet),
        )
    except CcxtMissing as error:
        raise StoreError(str(error)) from error
