"""Readers of published files, as processes of their own that read as fast as they can.

``python -m tests.faults.reading HOME READS PAUSE_S`` reads the state files, with a pause behind each round of them, at
least so often and until its stdin is closed, and tells as JSON how many it read and what was wrong: a file that is
half, of another shape, gone, or older than one read before.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from subprocess import PIPE
from types import TracebackType
from typing import Any, Self

import orjson
from pydantic import ValidationError

from tape.exporters.contract import STATE_FILES, StateFile
from tape.exporters.documents import sequence
from tests.programs import Program

PEAK_STATE = "cache/peak_state.json"
_PEAK_KEYS = {"peak_equity", "peak_t", "equity", "drawdown_pct", "drawdown_abs", "updated_at", "updated_ts"} | {
    *("peak", "dd_pct", "dd_abs", "nav", "nav_usd", "realized_pnl_today", "day", "reset_timezone", "ts")
}
_VALIDATED_EVERY = 8
"""Of the versions of a file so many are held against its model; all are parsed."""


@dataclass
class Report:
    """What a reader saw: reads, versions of each file, and what was wrong."""

    reads: int = 0
    versions: dict[str, int] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)


class _Watched:
    """One file that is read again and again."""

    def __init__(self, path: Path, file: StateFile | None) -> None:
        self._path, self._file = path, file
        self._raw = b""
        self._stamp = 0

    def read(self, report: Report) -> None:
        name = self._path.name
        try:
            raw = self._path.read_bytes()
        except FileNotFoundError:
            if self._raw:
                report.wrong.append(f"{name}: gone")
            return
        report.reads += 1
        try:
            content = orjson.loads(raw)
            if raw != self._raw:
                self._look(content, report)
        except (ValueError, ValidationError) as error:
            report.wrong.append(f"{name}: {error}, {len(raw)} bytes")
        self._raw = raw

    def _look(self, content: dict[str, Any], report: Report) -> None:
        name = self._path.name
        stamp, before = sequence(name, content), self._stamp
        if stamp < before:
            report.wrong.append(f"{name}: went back from {before} to {stamp}")
        self._stamp = stamp
        count = report.versions[name] = report.versions.get(name, 0) + 1
        if self._file is None and content.keys() != _PEAK_KEYS:
            report.wrong.append(f"{name}: expected {_PEAK_KEYS}, found {content.keys()}")
        if self._file is not None and count % _VALIDATED_EVERY == 1:
            self._file.model.model_validate(content)


def read_for_ever(home: Path, reads: int, pause_s: float) -> Report:
    """Reads until stdin is closed, and it is enough."""
    ends, report = threading.Event(), Report()
    threading.Thread(target=wait_for_the_end_of_stdin, args=(ends,), daemon=True).start()
    logs = home / "logs"
    watched = [_Watched(logs / "state" / file.name, file) for file in STATE_FILES]
    watched.append(_Watched(logs / PEAK_STATE, None))
    while report.reads < reads or not ends.is_set():
        for each in watched:
            each.read(report)
        time.sleep(pause_s)
    return report


def wait_for_the_end_of_stdin(ends: threading.Event) -> None:
    """Sets an event when whoever started this process wants it to end, or is gone."""
    sys.stdin.read()
    ends.set()


class Reading:
    """A running reader."""

    def __init__(self, home: Path, *, reads: int = 0, pause_s: float = 0.0) -> None:
        words = ("-m", "tests.faults.reading", home, str(reads), str(pause_s))
        self.process = Program(*words, stdin=PIPE, stdout=PIPE)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self.process:
            self.process.kill()

    def end(self) -> Report:
        """Ends it, when it has read enough; what it saw."""
        out = self.process.communicate()
        assert self.process.returncode == 0
        return Report(**json.loads(out))


if __name__ == "__main__":
    print(json.dumps(asdict(read_for_ever(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))))
