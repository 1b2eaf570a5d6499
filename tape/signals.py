"""SIGTERM and SIGINT, turned into a call out of a thread."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue


@contextmanager
def called_by_signals(call: Callable[[], None]) -> Iterator[None]:
    """Calls ``call`` when the process is asked to end.

    A handler that did it itself would wait for ever for a lock that the interrupted thread holds, such as an event's;
    ``SimpleQueue.put`` may interrupt anything.
    """
    came: SimpleQueue[bool] = SimpleQueue()

    def listen() -> None:
        while came.get():
            call()

    listener = threading.Thread(target=listen, name="signals", daemon=True)
    listener.start()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: came.put(True))
    try:
        yield
    finally:
        came.put(False)
        listener.join()
