"""Measures ``tape doctor`` as a whole process on a year of history: ``make bench``.

Beside a running owner with one tick a second, and on the file alone. Prints medians with min and max over the rounds.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.spine import Serving, spread, tick, year
from tape.client.owner_socket import ask
from tape.store.journal.writer import Journal


@contextmanager
def ticking(home: Path) -> Iterator[None]:
    """One tick with ten positions and their marks, every second."""
    stop = threading.Event()

    def run(journal: Journal) -> None:
        at = 0
        while not stop.wait(1.0):
            at += 1
            journal.record(tick(f"doctor-{at}", datetime.now(UTC), 10_000.0 + at % 7, marks=True))

    with Journal(home, "executor") as journal:
        thread = threading.Thread(target=run, args=(journal,))
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()


def looked(home: Path) -> tuple[float, str]:
    """Seconds of one look as a process, and what it says."""
    command = [sys.executable, "-m", "tape", "--home", str(home), "doctor", "--json"]
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    return time.perf_counter() - began, json.loads(done.stdout)["state"]


def asked(home: Path) -> float:
    """Seconds that the owner takes for it."""
    began = time.perf_counter()
    ask(home, {"request": "doctor"})
    return time.perf_counter() - began


def row(table: Table, label: str, looks: list[tuple[float, str]], target: str) -> None:
    states = {state for _, state in looks}
    table.add_row(f"{label} ({', '.join(sorted(states))})", spread((1000 * each for each, _ in looks), "ms"), target)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--settle", type=float, default=45, help="seconds the owner gets before, for its first backup")
    options = parser.parse_args()
    table = Table(title=f"{options.rounds} rounds, median (min-max)", box=box.SIMPLE_HEAD, title_justify="left")
    table.add_column("what")
    table.add_column("figure", justify="right")
    table.add_column("target", justify="right")
    Path("build").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir="build") as name:
        home = Path(name).resolve()
        history = year(home)
        with Serving(home), ticking(home):
            time.sleep(options.settle)
            inside = [asked(home) for _ in range(options.rounds)]
            row(table, "tape doctor beside an owner", [looked(home) for _ in range(options.rounds)], "<= 1,000 ms")
            table.add_row("  of it inside the owner", spread((1000 * each for each in inside), "ms"), "")
        row(table, "tape doctor without an owner", [looked(home) for _ in range(options.rounds)], "")
    table.add_row(f"  history: {history}", "", "")
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
