"""A terminal for a program that wants one."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import termios
import threading
from contextlib import suppress
from pathlib import Path

from tests.programs import Program

_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """A pseudo-terminal of 100 columns, read by a thread."""

    def __init__(self) -> None:
        self._master, self.slave = pty.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
        self._content = b""
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        with suppress(OSError):
            while part := os.read(self._master, 65536):
                self._content += part

    @property
    def raw(self) -> str:
        """What was shown, with its colours."""
        return self._content.decode(errors="replace")

    @property
    def text(self) -> str:
        return _ANSI.sub("", self.raw)

    def type(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def start(self, *words: str | Path, **environment: str) -> Program:
        """``tape`` with these words, this terminal its own: Ctrl-C typed here is a signal there."""
        return Program(
            *("-c", _ON_ITS_TERMINAL, *words),
            stdin=self.slave,
            stdout=self.slave,
            stderr=self.slave,
            is_session=True,
            environment={"TERM": "xterm-256color", "PROMPT_TOOLKIT_NO_CPR": "1", **environment},
        )


_ON_ITS_TERMINAL = """
import fcntl, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from tape.cli.app import run
run()
"""
