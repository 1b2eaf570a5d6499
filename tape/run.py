"""Runs a whole runtime in the foreground: executor, owner and exporters in one process, or the executor alone."""

from __future__ import annotations

import logging
import signal
import sys
import threading
import time
from pathlib import Path

from tape.panel import Panel, Watched
from tape.runtime import live_executor
from tape.service import Owner, leave
from tape.settings import Settings

_LOG = logging.getLogger("tape")
_JOIN_S = 1.0


def run(home: Path, settings: Settings, *, seconds: float | None = None) -> None:
    """Everything in one process until Ctrl-C or SIGTERM, or for so many seconds.

    Raises:
        StoreError: as ``Owner.run``, or the venue cannot be had.
    """
    owner, stop = Owner(home, settings), threading.Event()
    watched, failed = Watched(owner), []

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
            # what was recorded last is stored by the owner on its way out
            owner.stop()

    with Panel(watched) as panel:
        _stop_on_signals(stop)
        trader = threading.Thread(target=trade, name="executor")
        timer = threading.Timer(seconds, stop.set) if seconds is not None else None
        trader.start()
        if timer is not None:
            timer.daemon = True
            timer.start()
        try:
            owner.run()
        finally:
            stop.set()
            trader.join(_JOIN_S)
    if failed:
        raise failed[0]
    panel.sum_up()
    leave()


def run_executor(home: Path, settings: Settings, *, seconds: float | None = None) -> None:
    """The executor alone, beside an owner in another process.

    Raises:
        StoreError: the venue cannot be had.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    stop = threading.Event()
    _stop_on_signals(stop)
    if seconds is not None:
        timer = threading.Timer(seconds, stop.set)
        timer.daemon = True
        timer.start()
    started = time.monotonic()
    with live_executor(home, settings) as loop:
        _LOG.info("trading at %s", home)
        loop.run(stop)
    counts = loop.executor.counts
    _LOG.info("stopped after %.0f s: %d ticks, %d events", time.monotonic() - started, counts.ticks, counts.events)
    sys.stdout.flush()


def _stop_on_signals(stop: threading.Event) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
