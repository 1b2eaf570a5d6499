"""The process that starts the programs of tests: it has imported Tape once, and forks for each program.

An interpreter that imports Tape takes half a second of a processor, a fork of one that has takes a few milliseconds,
and tests start some thousand programs. A program is a process of its own all the same: with its own pid, files,
environment, folder, signals and exit.

``python -m tests.starting FD`` reads requests from a socket until its other end is closed. A request is one message:
a JSON object ``{"words", "env", "cwd", "is_session"}``, and the descriptors of stdin, stdout, stderr and of a socket on
which two lines are answered: the pid at once, the exit code when the program has ended.
"""

from __future__ import annotations

import array
import gc
import json
import os
import runpy
import select
import signal
import socket
import sys
import time
import warnings
from contextlib import suppress
from importlib import import_module
from typing import Any

import duckdb

from tape.cli.app import COMMANDS, file_of

LARGEST = 2**20
"""Bytes of a request."""


def import_all() -> None:
    """Import what programs use, with no thread left of it: a fork has only the one that forks."""
    for command in COMMANDS:
        import_module(f"tape.cli.{file_of(command)}")
    for module in ("cli.executor", "cli.failures", "client.file_status"):
        import_module(f"tape.{module}")
    duckdb.default_connection().close()  # importing the library opens a database in memory, which has a thread


def serve(requests: socket.socket) -> dict[str, Any] | None:
    """Start a program for each request, and tell its end; return in the process of each program what it has to run.

    Return ``None`` when nobody can ask any more.
    """
    ended, wakes = socket.socketpair()
    wakes.setblocking(False)
    signal.set_wakeup_fd(wakes.fileno())
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C on the terminal of the tests
    answers: dict[int, socket.socket] = {}
    while True:
        ready, _, _ = select.select([requests, ended], [], [])
        if ended in ready:
            ended.recv(4096)
            _tell_ends(answers)
        if requests in ready:
            message, passed, _, _ = requests.recvmsg(LARGEST, socket.CMSG_SPACE(4 * array.array("i").itemsize))
            if not message:
                return None
            descriptors = array.array("i", passed[0][2])
            if (pid := os.fork()) == 0:
                for each in (requests, ended, wakes, *answers.values()):
                    each.close()
                request: dict[str, Any] = json.loads(message)
                _become(request, list(descriptors))
                return request
            *streams, answer = descriptors
            for descriptor in streams:
                os.close(descriptor)
            answers[pid] = socket.socket(fileno=answer)
            _tell(answers[pid], pid)


def _tell_ends(answers: dict[int, socket.socket]) -> None:
    while answers:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        with answers.pop(pid) as answer:
            _tell(answer, os.waitstatus_to_exitcode(status))


def _tell(answer: socket.socket, number: int) -> None:
    with suppress(OSError):  # who asked may be gone
        answer.sendall(b"%d\n" % number)


def _become(request: dict[str, Any], descriptors: list[int]) -> None:
    """Turn this fork into what a newly started interpreter would be."""
    if request["is_session"]:
        os.setsid()
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, descriptor in enumerate(descriptors):
        if number < 3:
            os.dup2(descriptor, number)
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(request["env"])
    time.tzset()
    os.chdir(request["cwd"])
    if "LD_PRELOAD" in os.environ:  # a library before the C library's takes effect only in a program that begins
        os.execv(sys.executable, [sys.executable, *request["words"]])  # noqa: S606 (it is a test's own)
    sys.path[0] = request["cwd"]
    sys.path[1:1] = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    sys.stdin = sys.__stdin__ = _opened(0, "r", "strict")  # type: ignore[misc]
    sys.stdout = sys.__stdout__ = _opened(1, "w", "strict")  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = _opened(2, "w", "backslashreplace")  # type: ignore[misc]


def _opened(descriptor: int, mode: str, errors: str) -> Any:
    buffering = 1 if descriptor == 2 or os.isatty(descriptor) else -1
    return os.fdopen(descriptor, mode, buffering, encoding="utf-8", errors=errors, closefd=False)


def run(words: list[str]) -> None:
    """Run what ``python`` would run with these words, the first of which is ``-m`` or ``-c``."""
    kind, what, *rest = words
    sys.argv = [kind, *rest]
    if kind == "-m":
        runpy.run_module(what, run_name="__main__", alter_sys=True)
    else:
        exec(compile(what, "<string>", "exec"), {"__name__": "__main__", "__builtins__": __builtins__})  # noqa: S102 (a test's own)


def main(descriptor: int) -> None:
    import_all()
    gc.collect()
    gc.freeze()  # else every program's collector would copy all pages of what is imported
    with socket.socket(fileno=descriptor) as requests, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking beside an idle thread of numpy's
        request = serve(requests)
    if request is not None:
        run(request["words"])


if __name__ == "__main__":
    main(int(sys.argv[1]))
