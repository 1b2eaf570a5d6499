"""Runs a whole runtime in the foreground: executor, owner and exporters in one process, or the executor alone.

Laws kept here:
- SIGINT and SIGTERM end it within 2 seconds, even if a venue does not answer: an executor in the middle of a step is
  abandoned, as by a kill;
- the executor ends first, so that the owner stores its last events; if one fails, both end;
- a runtime that cannot run is refused in one line before anything starts.
"""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path

from tape.owner.owner import Owner
from tape.owner.signals import called_by_signals, leave
from tape.runtime.executor import live_executor, refuse_unusable
from tape.runtime.loop import Loop
from tape.runtime.panel import Panel, Watched
from tape.settings import Settings
from tape.store.claims import refuse_beside_owner

_LOG = logging.getLogger("tape")
_STEP_ENDS_S = 0.5
"""How long the executor's step under way is waited for at the end, beside an owner in the same process."""
_ALONE_ENDS_S = 1.5
"""Likewise where the executor runs alone."""
_LEFT = "the executor is left in the middle of a step"


def run(home: Path, settings: Settings, *, seconds: float | None = None, take_over: bool = False) -> None:
    """Run everything in one process until Ctrl-C or SIGTERM, or for ``seconds``.

    Raises:
        StoreError: as ``Owner.run``, or the venue cannot be used.
    """
    refuse_beside_owner(home)
    refuse_unusable(home, settings)
    owner, stop = Owner(home, settings, take_over=take_over), threading.Event()
    watched = Watched(owner)
    failed: list[Exception] = []

    def trade() -> None:
        try:
            while not owner.serving.wait(0.1):
                if stop.is_set():
                    return
            with live_executor(home, settings) as loop:
                watched.loop = loop
                loop.run(stop)
        except Exception as error:  # noqa: BLE001 (raised in the main thread)
            failed.append(error)
        finally:
            stop.set()

    trader = threading.Thread(target=trade, name="executor", daemon=True)

    def end() -> None:
        stop.wait(seconds)
        asked_at = time.monotonic()
        stop.set()
        trader.join(_STEP_ENDS_S)
        if trader.is_alive():
            _LOG.warning(_LEFT)
        # what was recorded last is stored and published by the owner on its way out
        owner.stop(asked_at)

    ender = threading.Thread(target=end, name="ender", daemon=True)
    panel = Panel(watched)
    with called_by_signals(stop.set, at_once=panel.give_back_terminal), panel:
        trader.start()
        ender.start()
        try:
            owner.run()
        finally:
            stop.set()
            ender.join()
    if failed:
        raise failed[0]
    panel.sum_up()
    leave()


def run_executor(home: Path, settings: Settings, *, seconds: float | None = None) -> None:
    """Run the executor alone, beside an owner in another process, until it is asked to end.

    Waits for a running step, but only as long as a venue that does not answer may delay the end.

    Raises:
        StoreError: the venue cannot be used, or the home has an executor already.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    stop, started = threading.Event(), time.monotonic()
    failed: list[Exception] = []
    loops: list[Loop] = []

    def trade() -> None:
        try:
            with live_executor(home, settings) as loop:
                loops.append(loop)
                _LOG.info("trading at %s", home)
                loop.run(stop)
        except Exception as error:  # noqa: BLE001 (raised in the main thread)
            failed.append(error)
        finally:
            stop.set()

    trader = threading.Thread(target=trade, name="executor", daemon=True)
    with called_by_signals(stop.set):
        trader.start()
        stop.wait(seconds)
        stop.set()
        trader.join(_ALONE_ENDS_S)
    if failed:
        raise failed[0]
    if trader.is_alive():
        _LOG.warning(_LEFT)
    for loop in loops:
        counts = loop.executor.counts
        _LOG.info("stopped after %.0f s: %d ticks, %d events", time.monotonic() - started, counts.ticks, counts.events)
    leave()
