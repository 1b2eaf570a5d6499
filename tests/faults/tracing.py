"""What a program asks of the disk, in order, as strace sees it; and calls of it that are made to fail."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.programs import PROJECT

CALLS = "openat,write,writev,pwrite64,lseek,ftruncate,fsync,fdatasync,rename,link,unlink,mkdir,copy_file_range"
_LINE = re.compile(r"(?P<tid>\d+) +(?P<what>.*)")
_CALL = re.compile(r"(?P<name>\w+)\((?P<arguments>.*)\) += (?P<result>-?\d+)")
_RESUMED = re.compile(r"<\.\.\. (?P<name>\w+) resumed>(?P<arguments>.*)")
_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')
_OF_FD = re.compile(r"\d+<([^>]*)>")


@dataclass
class Call:
    """One call that succeeded: ``path`` of what it is about, ``to`` where it renames or links, ``data`` it writes."""

    name: str
    path: str
    to: str = ""
    data: bytes = b""
    numbers: Sequence[int] = ()
    flags: str = ""
    result: int = 0
    began: int = 0
    """How many calls had ended when it began."""
    at: int = field(default=0, compare=False)

    def __str__(self) -> str:
        return f"{self.name} {Path(self.path).name}{f' -> {Path(self.to).name}' if self.to else ''}"


def strace() -> str:
    """The program, or the reason why there is none."""
    found = shutil.which("strace")
    if found is None:
        pytest.skip("needs strace: apt-get install strace")
    probe = subprocess.run([found, "-f", "-o", os.devnull, "true"], capture_output=True, text=True, check=False)
    if probe.returncode != 0:
        pytest.skip(f"needs to trace a process: {probe.stderr.strip()}")
    return found


def traced(log: Path, words: Sequence[str | Path], *, seconds: float = 120) -> list[Call]:
    """Runs a Python program to its end; its calls in the order they ended. Bytes written are kept whole."""
    options = ["-f", "-y", "-s", "1000000", "--seccomp-bpf", "-o", str(log), "-e", f"trace={CALLS}"]
    program = [strace(), *options, sys.executable, *map(str, words)]
    done = subprocess.run(program, cwd=PROJECT, capture_output=True, text=True, timeout=seconds, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return list(parsed(log.read_bytes().decode("latin-1").splitlines()))


def failing(rules: Sequence[str], words: Sequence[str | Path], *, only: Path | None = None) -> list[str]:
    """The words of a Python program some of whose calls fail: ``fsync:error=EIO:when=3``; ``only``: at this path.

    The process is the program's; strace follows it.
    """
    injected = [word for rule in rules for word in ("-e", f"inject={rule}")]
    calls = ",".join(rule.partition(":")[0] for rule in rules)
    where = [] if only is None else ["-P", str(only)]
    options = ["-D", "-f", "-o", os.devnull, "-e", f"trace={calls}", *where, *injected]
    return [strace(), *options, sys.executable, *map(str, words)]


def parsed(lines: Sequence[str]) -> Iterator[Call]:
    """Every call that succeeded, when it had ended."""
    begun: dict[str, tuple[str, int]] = {}
    count = 0
    for line in lines:
        if (found := _LINE.match(line)) is None:
            continue
        tid, what, began = found["tid"], found["what"], count
        if what.endswith(" <unfinished ...>"):
            begun[tid] = (what.removesuffix(" <unfinished ...>"), count)
            continue
        if (resumed := _RESUMED.match(what)) is not None:
            head, began = begun.pop(tid)
            what = head + resumed["arguments"]
        if (call := _call(what, began)) is not None:
            call.at = count
            count += 1
            yield call


def _call(what: str, began: int) -> Call | None:
    """A call as strace prints it: ``name(arguments) = result``."""
    texts = [ast.literal_eval(f"b{text}") for text in _TEXT.findall(what)]
    found = _CALL.match(_TEXT.sub("", what))
    if found is None or int(found["result"]) < 0:
        return None
    name, bare = found["name"], found["arguments"]
    of_fds = _OF_FD.findall(bare)
    numbers = [int(part) for part in re.findall(r"(?<=, )-?\d+(?=,|$)", bare)]
    call = Call(name, "", numbers=numbers, result=int(found["result"]), began=began)
    if name == "openat":
        call.path, call.flags = texts[0].decode(), bare
    elif name in ("rename", "link"):
        call.path, call.to = texts[0].decode(), texts[1].decode()
    elif name in ("unlink", "mkdir"):
        call.path = texts[0].decode()
    elif of_fds:
        call.path, call.data = of_fds[-1 if name == "copy_file_range" else 0], b"".join(texts)[: int(found["result"])]
    return call
