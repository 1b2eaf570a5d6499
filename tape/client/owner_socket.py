"""The owner's socket as those see it who ask: light to import, for a command that only shows what the owner says."""

from __future__ import annotations

import contextlib
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from tape.store.errors import QueryFailed, StoreError
from tape.store.home import Layout
from tape.store.own_files import ForeignFile


class DoorClosed(StoreError):
    """No owner answers on the socket of a home."""


def refuse_foreign_socket(home: Path) -> None:
    """Look at the place of the owner's socket.

    Raises:
        ForeignFile: something else than a socket lies where the owner's socket would be.
    """
    path = Layout(home).socket
    if path.exists() and not path.is_socket():
        raise ForeignFile(path, "no socket", "move it away")


class Asking:
    """A request on its way: what the owner answers, line by line."""

    def __init__(self, peer: socket.socket, file: BinaryIO) -> None:
        self._peer, self._file = peer, file

    def line(self) -> dict[str, Any]:
        """The next line.

        Raises:
            StoreError: the owner refused, or failed, in its words; or it is gone.
        """
        answer: dict[str, Any] = json.loads(self._file.readline() or b"{}")
        if not answer.get("ok", "bytes" in answer):
            raise QueryFailed(answer.get("error") or "the owner closed the connection", answer.get("place", ""))
        return answer

    def parts(self) -> Iterator[bytes]:
        """The parts of a stream, up to its last line.

        Raises:
            StoreError: the stream ends before.
        """
        while (size := self.line().get("bytes")) is not None:
            part = self._file.read(size)
            if len(part) < size:
                raise StoreError("the owner closed the connection")
            yield part

    def interrupt(self) -> None:
        """Hangs up: the owner ends what it does for this client."""
        with contextlib.suppress(OSError):
            self._peer.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def asking(home: Path, request: dict[str, Any], *, timeout_s: float | None = None) -> Iterator[Asking]:
    """Asks the owner of a home; what it answers is read within the block.

    ``timeout_s``: how long it may be silent, for ever unless given.

    Raises:
        DoorClosed: nobody answers, or not in time.
    """
    path = Layout(home).socket
    try:
        with short_name(path) as address, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer:
            peer.settimeout(timeout_s)
            peer.connect(address)
            peer.sendall(orjson.dumps(request, option=orjson.OPT_APPEND_NEWLINE))
            with peer.makefile("rb") as file:
                yield Asking(peer, file)
    except TimeoutError as error:
        raise DoorClosed(f"home {home}: its owner does not answer at {path} within {timeout_s:g} s") from error
    except (FileNotFoundError, ConnectionError) as error:
        raise DoorClosed(f"home {home}: its owner does not answer at {path}: {error}") from error


def ask(home: Path, request: dict[str, Any], *, timeout_s: float | None = None) -> dict[str, Any]:
    """The owner's answer to a request that has one line.

    Raises:
        DoorClosed: nobody answers, or not in time.
        StoreError: the owner refused, or failed; its words.
    """
    with asking(home, request, timeout_s=timeout_s) as asked:
        return asked.line()


@contextlib.contextmanager
def short_name(path: Path) -> Iterator[str]:
    """A name for a socket that fits into the 107 bytes it may have, however deep the home lies."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
