"""Programs that tests start: Python with some words, each a process of its own, started as ``starting.py`` says."""

from __future__ import annotations

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from subprocess import DEVNULL, PIPE
from tempfile import TemporaryFile
from types import TracebackType
from typing import IO, Any, NoReturn, Self

PROJECT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Ended:
    """How a program ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Program:
    """A running ``python WORDS ..``, with the methods of ``subprocess.Popen``.

    ``stdin``, ``stdout``, ``stderr``: open files, or ``PIPE`` for one whose other end has the same name here; else an
    empty stdin, and the outputs of the tests. ``environment``: added to that of the tests. ``is_session``: the program
    leads a session of its own, which may then have a terminal.
    """

    def __init__(
        self,
        *words: str | Path,
        stdin: IO[Any] | int = DEVNULL,
        stdout: IO[Any] | int = 1,
        stderr: IO[Any] | int = 2,
        environment: Mapping[str, str] | None = None,
        is_session: bool = False,
    ) -> None:
        self.words = list(map(str, words))
        self.returncode: int | None = None
        self._asking = threading.Lock()
        request = {
            "words": self.words,
            "env": {**os.environ, **(environment or {})},
            "cwd": str(PROJECT),
            "is_session": is_session,
        }
        self._answers, theirs = socket.socketpair()
        with ExitStack() as given, theirs:
            self._stdin, given_in = _given(given, stdin, "wb")
            self._stdout, given_out = _given(given, stdout, "rb")
            self._stderr, given_err = _given(given, stderr, "rb")
            descriptors = [given_in, given_out, given_err, theirs.fileno()]
            socket.send_fds(_starter(), [json.dumps(request).encode()], descriptors)
        self.pid = self._number(None) or _gone()

    @property
    def stdin(self) -> IO[bytes]:
        """The end of a pipe, as are ``stdout`` and ``stderr``."""
        assert self._stdin is not None
        return self._stdin

    @property
    def stdout(self) -> IO[bytes]:
        assert self._stdout is not None
        return self._stdout

    @property
    def stderr(self) -> IO[bytes]:
        assert self._stderr is not None
        return self._stderr

    def _number(self, timeout_s: float | None) -> int | None:
        """Return the next number that is answered, ``None`` when none comes in time."""
        self._answers.settimeout(timeout_s)
        line = b""
        try:
            while not line.endswith(b"\n"):
                line += self._answers.recv(1) or _gone()
        except (TimeoutError, BlockingIOError):
            return None
        return int(line)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end, and return the exit code, negative for a signal.

        Raises: ``subprocess.TimeoutExpired``.
        """
        with self._asking:
            if self.returncode is None:
                self.returncode = self._number(timeout)
                if self.returncode is not None:
                    self._answers.close()
        if self.returncode is None:
            raise subprocess.TimeoutExpired(self.words, timeout or 0)
        return self.returncode

    def poll(self) -> int | None:
        """Return the exit code, ``None`` while the program runs."""
        with suppress(subprocess.TimeoutExpired):
            return self.wait(0)
        return None

    def communicate(self) -> bytes:
        """End the program's input, and return what is left of its output when the program has ended."""
        self.stdin.close()
        out = self.stdout.read()
        self.stdout.close()
        self.wait()
        return out

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for pipe in (self._stdin, self._stdout, self._stderr):
            if pipe is not None:
                pipe.close()
        self.wait()


def _given(stack: ExitStack, stream: IO[Any] | int, mode: str) -> tuple[IO[bytes] | None, int]:
    """Return the end of a new pipe that stays here, if one is asked for, and the descriptor that a program is given."""
    if stream == DEVNULL:
        return None, stack.enter_context(Path(os.devnull).open("r+b", buffering=0)).fileno()
    if stream != PIPE:
        return None, stream if isinstance(stream, int) else stream.fileno()
    ear, mouth = os.pipe()
    theirs, mine = (ear, mouth) if mode == "wb" else (mouth, ear)
    stack.callback(os.close, theirs)
    return os.fdopen(mine, mode), theirs


def _gone() -> NoReturn:
    raise AssertionError("the process that starts programs is gone")


def run(*words: str | Path, given: str = "", **environment: str) -> Ended:
    """Run ``python WORDS ..`` to its end; ``given`` is what the program may read."""
    with TemporaryFile() as given_file, TemporaryFile() as out, TemporaryFile() as err:
        given_file.write(given.encode())
        given_file.seek(0)
        program = Program(*words, stdin=given_file, stdout=out, stderr=err, environment=environment)
        try:
            code = program.wait(120)
        finally:
            program.kill()
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode())
        return Ended(code, *texts)


def fails(ended: Ended, code: int, *told: str) -> None:
    """It failed with this code and one line on stderr that tells why; of SQL with the place below, in two more."""
    assert ended.code == code, ended
    _, *place = ended.err.splitlines()
    assert not place or (place[0].startswith("LINE ") and [line.strip() for line in place[1:]] == ["^"]), ended.err
    assert ended.err.startswith("tape: ")
    assert "Traceback" not in ended.err
    for part in told:
        assert part in ended.err


def tape(*words: str | Path, **environment: str) -> Ended:
    """Run one command of ``tape``."""
    return run("-m", "tape", *words, **environment)


@cache
def _starter() -> socket.socket:
    """The socket of the process that starts programs, which ends with this one."""
    requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        command = [sys.executable, "-m", "tests.starting", str(theirs.fileno())]
        process = subprocess.Popen(command, cwd=PROJECT, pass_fds=[theirs.fileno()])
    atexit.register(process.wait)
    atexit.register(requests.close)
    return requests
