"""A reader of the JSONL logs that follows each by inode and offset, as log shippers do.

``python -m tests.faults.tailing HOME NAME ..`` follows these logs until its stdin is closed, reads them to their end
and tells as JSON, by name, the ids of their lines in the order they came.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import BinaryIO

from tests.faults.reading import wait_for_the_end_of_stdin

_EVERY_S = 0.002
"""Less than a log lives that is filled by one append: who looks less often may never see it under its name."""


class Tail:
    """One log; ``lines`` are the whole ones seen so far."""

    def __init__(self, path: Path) -> None:
        self.lines: list[bytes] = []
        self._path = path
        self._file: BinaryIO | None = None

    def follow(self) -> None:
        """Reads what is new: of the file that is open to its end, and when another has its name, that one too."""
        self._read()
        try:
            inode = self._path.stat().st_ino
        except FileNotFoundError:
            return
        if self._file is None or os.fstat(self._file.fileno()).st_ino != inode:
            # what came between the last look and the rename
            self._read()
            if self._file is not None:
                self._file.close()
            self._file = self._path.open("rb")
            self._read()

    def _read(self) -> None:
        while self._file is not None:
            at = self._file.tell()
            line = self._file.readline()
            if not line.endswith(b"\n"):
                self._file.seek(at)
                return
            self.lines.append(line)


def follow(home: Path, names: list[str]) -> dict[str, list[str]]:
    """Follows logs until stdin is closed; the ids of their lines."""
    ends = threading.Event()
    threading.Thread(target=wait_for_the_end_of_stdin, args=(ends,), daemon=True).start()
    tails = {name: Tail(home / "logs" / name) for name in names}
    while not ends.is_set():
        for tail in tails.values():
            tail.follow()
        time.sleep(_EVERY_S)
    for tail in tails.values():
        tail.follow()
    return {name: [json.loads(line)["event_id"] for line in tail.lines] for name, tail in tails.items()}


if __name__ == "__main__":
    print(json.dumps(follow(Path(sys.argv[1]), sys.argv[2:])))
