"""A buffer for results, so that a slow reader never holds up an owner or the database.

Without a buffer, an open pager that nobody scrolls would keep an owner's query, or the file itself, open. The first
parts are kept in memory. If parts come faster than they are read, the rest goes to an unnamed temporary file, which is
emptied once all of it is read.
"""

from __future__ import annotations

import pickle
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import IO, Any, Protocol

import duckdb

Put = Callable[[Any], None]

_IN_MEMORY = 32
"""Parts."""
_AGAIN_S = 0.05
"""From interrupt to interrupt: one that comes before a query has begun to run is lost."""
_HEARD_S = 0.2
"""How long Ctrl-C may go unheard: one that comes just before a wait begins does not end that wait."""


class Running(Protocol):
    """An object that can be interrupted: a connection, a round, a request to an owner."""

    def interrupt(self) -> None: ...


class NotWanted(Exception):
    """The reader has left, so no more parts are wanted."""


class Spool:
    """Parts in the order in which they were put. ``folder``: for the file of the parts that memory does not hold."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._changed = threading.Condition()
        self._kept: deque[Any] = deque()
        self._written = self._read = 0
        """Bytes of the file; what is kept in memory is older than what lies there."""
        self._is_over = self._is_left = False
        self._error: BaseException | None = None

    def put(self, part: Any) -> None:
        """
        Raises:
            NotWanted: the reader has left.
            OSError: there is no space for the part.
        """
        with self._changed:
            if self._is_left:
                raise NotWanted
            if self._written == self._read and len(self._kept) < _IN_MEMORY:
                self._kept.append(part)
            else:
                self._spill(part)
            self._changed.notify_all()

    def end(self, error: BaseException | None = None) -> None:
        """End the parts; an error is raised to the reader after the last part."""
        with self._changed:
            self._is_over, self._error = True, error
            self._changed.notify_all()

    def leave(self) -> None:
        """Note that the reader has left."""
        with self._changed:
            self._is_left = True
            self._kept.clear()

    def close(self) -> None:
        if "_file" in vars(self):
            self._file.close()

    @cached_property
    def _file(self) -> IO[bytes]:
        return tempfile.TemporaryFile(dir=self._folder, prefix="tape-")

    def parts(self) -> Iterator[Any]:
        """Yield the parts as they come; raise the error with which they ended."""
        while True:
            with self._changed:
                while not self._kept and self._written == self._read and not self._is_over:
                    self._changed.wait(_HEARD_S)
                if self._kept:
                    part = self._kept.popleft()
                elif self._written > self._read:
                    part = self._fetched()
                elif self._error is not None:
                    raise self._error
                else:
                    return
            yield part

    def _spill(self, part: Any) -> None:
        self._file.seek(self._written)
        pickle.dump(part, self._file, pickle.HIGHEST_PROTOCOL)
        self._written = self._file.tell()

    def _fetched(self) -> Any:
        self._file.seek(self._read)
        part = pickle.load(self._file)  # noqa: S301 (what this process wrote, where no other finds it)
        self._read = self._file.tell()
        if self._read == self._written:
            self._file.seek(0)
            self._file.truncate()
            self._read = self._written = 0
        return part


@contextmanager
def apart(work: Callable[[Put], None], running: list[Running], folder: Path | None = None) -> Iterator[Iterator[Any]]:
    """Yield the parts that some work puts, while it runs in a thread: DuckDB ignores Ctrl-C while it computes.

    Leaving the block before the work is done, by Ctrl-C or otherwise, interrupts the work and waits for its end.
    """
    spool, ended = Spool(folder), threading.Event()  # a join that Ctrl-C interrupts may take the thread for dead

    def run() -> None:
        try:
            work(spool.put)
            spool.end()
        except NotWanted:
            spool.end()
        except BaseException as error:  # noqa: BLE001 (raised where it is waited for)
            spool.end(error)
        finally:
            ended.set()

    thread = threading.Thread(target=run, name="query", daemon=True)
    try:
        thread.start()
        yield spool.parts()
    finally:
        spool.leave()
        while not ended.wait(_AGAIN_S) and thread.ident is not None:  # else it never began
            for each in running:
                with suppress(duckdb.ConnectionException):  # closed by now
                    each.interrupt()
        spool.close()
