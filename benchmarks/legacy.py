"""Measures import and export of old logs: ``make bench``.

Prints a table of medians with min and max. Each import and each export of a fresh process is a process of its own, so
that times hold start-up and peak RSS is the process's. Next to the figures stand the times of the runtime whose logs
these are, measured on a machine of the same size: 8.9 s + 16.7 s for its two intel passes at 5,000 rows, 215 s + 419 s
at 100,000.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from examples.sample_logs import write_bench, write_sample

END = datetime(2025, 11, 1, tzinfo=UTC)
OLD_RUNTIME_S = {5_000: 8.9 + 16.7, 100_000: 215.0 + 419.0}


def run(*arguments: str) -> tuple[float, int]:
    """Wall seconds and peak RSS in MB of one command of the program."""
    started = time.perf_counter()
    command = [sys.executable, "-c", _MEASURED, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    return time.perf_counter() - started, int(done.stderr.split()[-1])


_MEASURED = """
import atexit, resource, sys
from tape.cli.app import run
sys.argv[0] = "tape"
atexit.register(lambda: print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, file=sys.stderr))
run()
"""


def spread(values: Iterable[float], unit: str = "s") -> str:
    """``median (min-max)``."""
    ordered = sorted(values)
    return f"{statistics.median(ordered):,.2f} {unit} ({ordered[0]:,.2f}-{ordered[-1]:,.2f})"


def in_process_export(home: Path, repeats: int) -> list[float]:
    """Seconds per export of all twelve files in a process that is already running, the database open."""
    code = f"""
import json, time
from datetime import datetime
from pathlib import Path
from tape.exporters.state_files import publish
from tape.store.database import open_database
from tape.store.query.round import open_round
connection = open_database(Path({str(home)!r}) / "logs/tape.duckdb", read_only=True)
times = []
for _ in range({repeats} + 1):
    started = time.perf_counter()
    with open_round(connection, as_of=datetime.fromisoformat({END.isoformat()!r})) as reading:
        publish(reading, Path({str(home)!r}) / "out")
    times.append(time.perf_counter() - started)
print(json.dumps(times[1:]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    return [float(value) for value in json.loads(done.stdout)]


def export_times(home: Path, repeats: int) -> list[float]:
    """Seconds of whole ``tape export`` processes."""
    arguments = ("--home", str(home), "export", "--as-of", END.isoformat(), "--out", str(home / "out"))
    return [run(*arguments)[0] for _ in range(repeats)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="order metrics, and as many order events")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--real-logs", type=Path, help="a folder of real logs to export from, too")
    options = parser.parse_args()
    table = Table(title=f"{options.repeats} runs each, median (min-max)", box=box.SIMPLE_HEAD, title_justify="left")
    table.add_column("what")
    table.add_column("figure", justify="right")
    table.add_column("target", justify="right")
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), options.rows, options.repeats, options.real_logs, table)
    Console(width=120).print(table)


def measure(folder: Path, rows: int, repeats: int, real_logs: Path | None, table: Table) -> None:
    write_bench(folder / "logs", order_metrics=rows, order_events=rows, span_days=70, end=END)
    home = folder / "home"
    firsts, rss = [], 0
    for at in range(max(1, repeats // 2)):
        home = folder / f"home{at}"
        run("--home", str(home), "migrate")
        seconds, peak = run("--home", str(home), "import", str(folder / "logs"))
        firsts.append(2 * rows / seconds)
        rss = max(rss, peak)
    table.add_row(f"import, {rows:,} metrics + {rows:,} events", spread(firsts, "rows/s"), ">= 100,000")
    again = [run("--home", str(home), "import", str(folder / "logs")) for _ in range(max(1, repeats // 2))]
    table.add_row("the same again, nothing new", spread((2 * rows / s for s, _ in again), "rows/s"), ">= 150,000")
    table.add_row("peak RSS of both", f"{max(rss, *(peak for _, peak in again)):,} MB", "<= 700 MB")
    for label, source in history(folder, rows, home):
        inside = in_process_export(source, repeats)
        table.add_row(f"export of twelve files, {label}", spread(inside), "<= 1.0 s")
        table.add_row("  the same as a whole process", spread(export_times(source, repeats)), "")
    sample = real_logs
    if sample is None:
        sample = folder / "sample"
        write_sample(sample, end=END)
    run("--home", str(folder / "small"), "import", str(sample))
    inside = in_process_export(folder / "small", repeats)
    table.add_row(f"export of twelve files, {sample.name}", spread(inside), "<= 0.25 s")
    table.add_row("  the same as a whole process", spread(export_times(folder / "small", repeats)), "")
    for size, old in OLD_RUNTIME_S.items():
        write_bench(folder / f"b{size}", order_metrics=size, order_events=size, span_days=7, end=END)
        started = time.perf_counter()
        run("--home", str(folder / f"h{size}"), "import", str(folder / f"b{size}"))
        imported = time.perf_counter() - started
        exported = statistics.median(in_process_export(folder / f"h{size}", repeats))
        text = f"{exported:.2f} s, {old / exported:,.0f} x faster ({old / (imported + exported):,.0f} x with import)"
        table.add_row(f"export at {size:,} rows against the old runtime's {old:,.1f} s", text, "")


def history(folder: Path, rows: int, full: Path) -> list[tuple[str, Path]]:
    """The database of ``rows`` over 70 days, and one of its last 7 days: the same windows, a tenth of the history."""
    recent = folder / "recent"
    write_bench(folder / "tenth", order_metrics=rows // 10, order_events=rows // 10, span_days=7, end=END)
    run("--home", str(recent), "import", str(folder / "tenth"))
    return [(f"{rows // 10:,} + {rows // 10:,} rows, 7 days", recent), (f"{rows:,} + {rows:,} rows, 70 days", full)]


if __name__ == "__main__":
    main()
