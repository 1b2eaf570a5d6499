"""Measures the live door: ``make bench``.

How long a question about two days takes on a year of history while ticks come in, next to a question about nothing, the
status and the doctor; and what one runaway query costs the way of an event. Prints medians with min and max, and ratios
to what was measured in the same run.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.doctor import ticking
from benchmarks.spine import Serving, spread, tick, year
from tape.client.owner_socket import ask
from tape.store.errors import StoreError
from tape.store.journal.writer import Journal

TICKS = (
    "select avg(equity_usd), min(equity_usd), max(equity_usd), count(*) from ticks"
    " where ts > as_of() - interval 48 hour and ts <= as_of()"
)
MARKS = (
    "select symbol, avg(mark_price), min(mark_price), max(mark_price), count(*) from marks"
    " where ts > as_of() - interval 48 hour and ts <= as_of() group by symbol order by symbol"
)
RUNAWAY = "select count(*) from range(10000000) as a (x), range(10000000) as b (x) where a.x + b.x = -1"
SORTING = "select max(y) from (select sum(x) over (order by hash(x)) as y from range(100000000) as r (x))"


def asked_ms(home: Path, request: dict[str, object]) -> float:
    began = time.perf_counter()
    ask(home, request)
    return 1e3 * (time.perf_counter() - began)


def questions(home: Path, rounds: int, settle_s: float, table: Table) -> None:
    """Rounds take the questions in turn, so that all meet the same machine."""
    history = year(home)
    asked: dict[str, tuple[dict[str, object], str]] = {
        "select 1": ({"request": "query", "sql": "select 1"}, ""),
        "48 hours of ticks": ({"request": "query", "sql": TICKS}, "<= 50 ms"),
        "48 hours of marks by symbol": ({"request": "query", "sql": MARKS}, ""),
        "from nav_now": ({"request": "query", "sql": "from nav_now"}, ""),
        "status": ({"request": "status"}, ""),
        "doctor": ({"request": "doctor"}, ""),
    }
    found: dict[str, list[float]] = {label: [] for label in asked}
    with Serving(home), ticking(home):
        # what the history changes is published, and the first backup made, before the measurement
        time.sleep(settle_s)
        for _ in range(rounds):
            for label, (request, _) in asked.items():
                found[label].append(asked_ms(home, request))
                time.sleep(0.05)
    base = statistics.median(found["select 1"])
    for label, (_, target) in asked.items():
        ratio = statistics.median(found[label]) / base
        table.add_row(f"{label}, {rounds} times ({ratio:,.1f} x select 1)", spread(found[label], "ms"), target)
    table.add_row(f"  beside 1 tick/s with 10 positions and marks; history: {history}", "", "")


@contextmanager
def running(home: Path, sql: str | None) -> Iterator[None]:
    """One query after the other that does not end by itself, or none."""
    stop = threading.Event()

    def run(text: str) -> None:
        while not stop.is_set():
            try:
                ask(home, {"request": "query", "sql": text})
            except StoreError:
                continue

    thread = threading.Thread(target=run, args=(sql or "",), daemon=True)
    if sql is not None:
        thread.start()
    try:
        yield
    finally:
        stop.set()


def lags_ms(home: Path, probes: int) -> list[float]:
    """From recorded to stored, as the owner's own count of batches says it, beside 200 events a second."""
    seconds = str(probes * 0.6 + 3)
    loader = [sys.executable, "-m", "tape", "--home", str(home), "load", "--rate", "200", "--seconds", seconds]
    found = []
    with Journal(home, "probe") as journal, subprocess.Popen(loader, stdout=subprocess.DEVNULL) as load:  # noqa: S603
        time.sleep(2)
        for at in range(probes):
            time.sleep(0.2 + 0.037 * (at % 11))
            began = time.perf_counter()
            batch = journal.record(tick(journal.new_id(), datetime.now(UTC), 1.0))
            while stored(home, "probe") < batch:
                time.sleep(0.005)
            found.append(1e3 * (time.perf_counter() - began))
        load.wait()
    return found


def stored(home: Path, producer: str) -> int:
    """The producer's batches that are stored."""
    journal = ask(home, {"request": "status"})["journal"]
    return next((each["stored"] for each in journal if each["producer"] == producer), 0)


def backlog_rate(home: Path, events: int) -> float:
    """Events a second at which a backlog is stored that lies there all at once."""
    with Journal(home, "backlog") as journal:
        batches = [tick(journal.new_id(), datetime.now(UTC), 1.0, marks=True) for _ in range(events // 21)]
        began = time.perf_counter()
        for batch in batches:
            journal.record(batch)
        while (done := stored(home, "backlog")) < len(batches):
            time.sleep(0.02)
    return 21 * done / (time.perf_counter() - began)


def beside(folder: Path, rounds: int, probes: int, events: int, table: Table) -> None:
    """Lag and throughput of ingest without a query, and with one that does not end, by turns."""
    ways: dict[str, str | None] = {"no query": None, "a runaway join": RUNAWAY, "a runaway sort": SORTING}
    lags: dict[str, list[float]] = {label: [] for label in ways}
    rates: dict[str, list[float]] = {label: [] for label in ways}
    for at in range(rounds):
        for label, sql in ways.items():
            home = folder / f"{at}-{label.replace(' ', '-')}"
            with Serving(home), running(home, sql):
                lags[label] += lags_ms(home, probes)
                rates[label].append(backlog_rate(home, events))
    _compare(table, f"recorded -> stored, 200 events/s, {rounds * probes} probes", lags, "ms", lambda ratio: ratio)
    _compare(table, f"backlog of {events:,} events", rates, "events/s", lambda ratio: 1 / ratio)


def _compare(
    table: Table, label: str, found: dict[str, list[float]], unit: str, slower: Callable[[float], float]
) -> None:
    base = statistics.median(found["no query"])
    for way, values in found.items():
        ratio = slower(statistics.median(values) / base)
        against = "" if way == "no query" else f" ({ratio:.2f} x slower than without)"
        table.add_row(f"{label}, {way}{against}", spread(values, unit), "<= 1.20 x" if against else "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--questions", type=int, default=40)
    parser.add_argument("--probes", type=int, default=20)
    parser.add_argument("--events", type=int, default=60_000)
    parser.add_argument("--settle", type=float, default=45, help="seconds the owner gets before, for its first backup")
    parser.add_argument("--only", choices=("questions", "beside"))
    options = parser.parse_args()
    table = Table(title=f"{options.rounds} rounds, median (min-max)", box=box.SIMPLE_HEAD, title_justify="left")
    table.add_column("what")
    table.add_column("figure", justify="right")
    table.add_column("target", justify="right")
    Path("build").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir="build") as name:
        folder = Path(name).resolve()
        if options.only in (None, "questions"):
            questions(folder / "questions", options.questions, options.settle, table)
        if options.only in (None, "beside"):
            beside(folder / "beside", options.rounds, options.probes, options.events, table)
    Console(width=150).print(table)


if __name__ == "__main__":
    main()
