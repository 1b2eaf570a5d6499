"""The client's end of the owner's socket; light to import, for commands that only show an owner's answer."""

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
    """Check the path of the owner's socket.

    Raises:
        ForeignFile: a file that is not a socket is in the place of the owner's socket.
    """
    path = Layout(home).socket
    if path.exists() and not path.is_socket():
        raise ForeignFile(path, "no socket", "move it away")


class Asking:
    """A request to the owner and its answer, line by line."""

    def __init__(self, peer: socket.socket, file: BinaryIO) -> None:
        self._peer, self._file = peer, file

    def line(self) -> dict[str, Any]:
        """Return the next line of the answer.

        Raises:
            StoreError: the owner refused or failed (with its message), or it is gone.
        """
        answer: dict[str, Any] = json.loads(self._file.readline() or b"{}")
        if not answer.get("ok", "bytes" in answer):
            raise QueryFailed(answer.get("error") or "the owner closed the connection", answer.get("place", ""))
        return answer

    def parts(self) -> Iterator[bytes]:
        """Yield the parts of a stream, up to its last line.

        Raises:
            StoreError: the stream ends too early.
        """
        while (size := self.line().get("bytes")) is not None:
            part = self._file.read(size)
            if len(part) < size:
                raise StoreError("the owner closed the connection")
            yield part

    def interrupt(self) -> None:
        """Hang up, so that the owner ends its work for this client."""
        with contextlib.suppress(OSError):
            self._peer.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def asking(home: Path, request: dict[str, Any], *, timeout_s: float | None = None) -> Iterator[Asking]:
    """Send a request to the owner of a home; the answer is read within the block.

    ``timeout_s``: how long the owner may be silent; without it, for ever.

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
    """Return the owner's answer to a request, for requests answered in one line.

    Raises:
        DoorClosed: nobody answers, or not in time.
        StoreError: the owner refused or failed, with its message.
    """
    with asking(home, request, timeout_s=timeout_s) as asked:
        return asked.line()


@contextlib.contextmanager
def short_name(path: Path) -> Iterator[str]:
    """Return a name of the socket within the limit of 107 bytes, however deep the home is."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
