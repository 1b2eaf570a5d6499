"""Ends the process on signals.

SIGTERM and SIGINT become a call in a thread; a second SIGINT ends the process at once.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn

_ENDED_AT_ONCE = 130
"""Exit code of a process that a second Ctrl-C ended, as shells have it."""
_ONE_PRESS_S = 0.1
"""Signals closer than this are one press: a terminal and a wrapper such as ``make`` may both pass it on."""
_DONE = 0


@contextmanager
def called_by_signals(call: Callable[[], None], *, at_once: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Call ``call`` when the process is asked to end; ``at_once`` cleans up when a second signal ends it at once.

    The signals are read from a pipe by a thread of its own. A handler that called ``call`` itself would wait for ever
    for a lock that the interrupted thread holds, and would not run at all while that thread is inside the database.
    """
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    listener = threading.Thread(target=_listen, args=(reading, call, at_once), name="signals", daemon=True)
    listener.start()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        os.write(writing, bytes([_DONE]))
        listener.join()
        os.close(reading)
        os.close(writing)


def _listen(reading: int, call: Callable[[], None], at_once: Callable[[], None]) -> None:
    asked_at: float | None = None
    while (number := os.read(reading, 1)[0]) != _DONE:
        if number not in (signal.SIGTERM, signal.SIGINT):
            continue
        if asked_at is None:
            asked_at = time.monotonic()
            # in a thread, so that the next signal is heard while it lasts
            threading.Thread(target=call, name="stop", daemon=True).start()
        elif number == signal.SIGINT and time.monotonic() - asked_at > _ONE_PRESS_S:
            at_once()
            sys.stderr.write("tape: ended at once; what was recorded stands in the journal\n")
            sys.stderr.flush()
            os._exit(_ENDED_AT_ONCE)


def leave() -> NoReturn:
    """End the process at once, when all its work is done.

    Python's normal exit would take a third of a second to tear down modules and database, and would abort if a thread
    is still inside the database.
    """
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # whoever read it is gone
            stream.flush()
    os._exit(0)
