"""An owner for an hour under 200 events a second, with everything it does: ``make soak``.

A trading executor makes some five events a second, so an hour here is two days of it; backups, checkpoints, rotations
and compression come as much oftener. Every few seconds: memory, file descriptors, threads, CPU, sizes of database and
write-ahead log, and how long a heartbeat takes until SQL and until nav.json shows it. At the end every batch must be
stored, and every line of the mirrors there once. Prints a table; leaves the samples as CSV and as a plot.

With Google's Firestore emulator installed, the sync runs too.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.spine import Serving
from tape.client.owner_socket import ask
from tape.execution.events import HeartbeatSent
from tape.store.journal.writer import Journal
from tests.exporters.firestores import JAR, Emulator

SETTINGS = """
[store]
checkpoint_wal = "16MB"
journal_days = 0

[backup]
every_h = 0.1
"""
_PATIENCE_S = 60.0


@dataclass(frozen=True)
class Sample:
    """What was seen at one moment; latencies are null where a probe did not come through."""

    elapsed_s: float
    rss_mb: float
    file_descriptors: int
    threads: int
    cpu_pct: float
    wal_mb: float
    database_mb: float
    to_sql_s: float | None
    to_file_s: float | None


@dataclass(frozen=True)
class End:
    """What is true at the end: what the load recorded, the owner's last status, lines per mirror (all, different)."""

    recorded: dict[str, Any]
    status: dict[str, Any]
    mirrors: dict[str, tuple[int, int]]

    @property
    def load(self) -> dict[str, Any]:
        return _load_of(self.status)

    @property
    def gaps(self) -> int:
        return sum(each["gaps"] for each in self.status["journal"])

    def problems(self) -> list[str]:
        """What must not be, whatever the figures are."""
        stored, batches = self.load["stored"], self.recorded["batches"]
        found = [f"stored {stored:,} of {batches:,} batches"] if stored != batches else []
        found += [f"gaps {self.gaps:,}"] if self.gaps else []
        found += [
            f"mirror {name}: {n - unique:,} lines double" for name, (n, unique) in self.mirrors.items() if n > unique
        ]
        return found + [f"mirror {name}: {error}" for name, error in self.status["mirrors"].items() if error]


def soak(home: Path, *, seconds: float, rate: float, every_s: float) -> tuple[list[Sample], End]:
    """The samples, and what is true at the end."""
    samples: list[Sample] = []
    with ExitStack() as stack:
        serving = stack.enter_context(Serving(home, **_environment(stack)))
        journal = stack.enter_context(Journal(home, "probe"))
        loader = stack.enter_context(_loader(home, seconds, rate))
        started = time.monotonic()
        while loader.poll() is None:
            before = time.monotonic(), serving.cpu_s
            time.sleep(every_s)
            samples.append(sample(serving, journal, home, started, before))
            latest = samples[-1]
            print(f"{latest.elapsed_s:,.0f} s: {latest.rss_mb:,.0f} MB, in SQL in {latest.to_sql_s} s", file=sys.stderr)
        recorded = json.loads(loader.communicate()[0])
        status = stored(home, recorded["batches"])
    return samples, End(recorded, status, mirrored(home, status["mirrors"]))


def _environment(stack: ExitStack) -> dict[str, str]:
    if not (JAR.exists() and shutil.which("java")):
        return {}
    emulator = stack.enter_context(Emulator())
    return {"FIRESTORE_EMULATOR_HOST": emulator.host, "FIRESTORE_ENABLED": "1", "TAPE_SYNC__ENABLED": "1"}


def _loader(home: Path, seconds: float, rate: float) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tape", "--home", str(home), "load", "--json"]
    return subprocess.Popen(  # noqa: S603
        [*command, "--rate", str(rate), "--seconds", str(seconds)], stdout=subprocess.PIPE, text=True
    )


def sample(serving: Serving, journal: Journal, home: Path, started: float, before: tuple[float, float]) -> Sample:
    """``before``: monotonic and CPU seconds of the sample before."""
    to_sql, to_file = probe(home, journal)
    spent, passed = serving.cpu_s - before[1], time.monotonic() - before[0]
    database, process = home / "logs" / "tape.duckdb", Path(f"/proc/{serving.pid}")
    return Sample(
        elapsed_s=round(time.monotonic() - started, 3),
        rss_mb=round(serving.rss_mb, 2),
        file_descriptors=len(list((process / "fd").iterdir())),
        threads=len(list((process / "task").iterdir())),
        cpu_pct=round(100 * spent / passed, 2),
        wal_mb=_mb(database.with_name("tape.duckdb.wal")),
        database_mb=_mb(database),
        to_sql_s=to_sql,
        to_file_s=to_file,
    )


def probe(home: Path, journal: Journal) -> tuple[float | None, float | None]:
    """Seconds until SQL and until nav.json show a heartbeat."""
    beat = HeartbeatSent(event_id=journal.new_id(), ts=datetime.now(UTC), service="probe", lag_s=0.0, queue_depth=0)
    since = time.monotonic()
    journal.record([beat])
    sql = f"select count(*) from heartbeats where ts > now() - interval 5 minute and event_id = '{beat.event_id}'"

    def in_sql() -> bool:
        return bool(ask(home, {"request": "query", "sql": sql})["rows"][0][0])

    def in_file() -> bool:
        nav = json.loads((home / "logs/state/nav.json").read_bytes())
        seen = nav["exec_stats"]["last_heartbeats"].get("probe")
        return seen is not None and datetime.fromisoformat(seen) >= beat.ts

    return _seconds_until(in_sql, since), _seconds_until(in_file, since)


def _seconds_until(is_there: Callable[[], bool], since: float) -> float | None:
    while not is_there():
        if time.monotonic() - since > _PATIENCE_S:
            return None
        time.sleep(0.02)
    return round(time.monotonic() - since, 3)


def _mb(path: Path) -> float:
    try:
        return round(path.stat().st_size / 2**20, 2)
    except FileNotFoundError:
        return 0.0


def stored(home: Path, batches: int) -> dict[str, Any]:
    """The owner's status once the load's batches are stored, or after a time that is long enough."""
    until = time.monotonic() + _PATIENCE_S
    while True:
        status = ask(home, {"request": "status"})
        if _load_of(status)["stored"] >= batches or time.monotonic() > until:
            return status
        time.sleep(0.2)


def _load_of(status: dict[str, Any]) -> dict[str, Any]:
    """What is stored of the load's journal."""
    found: dict[str, Any] = next(each for each in status["journal"] if each["producer"] == "load_0")
    return found


def mirrored(home: Path, names: Iterable[str]) -> dict[str, tuple[int, int]]:
    """Per mirror its lines, and how many different ones, in the log and its archive."""
    found = {}
    for name in names:
        ids = [orjson.loads(line)["event_id"] for part in _parts(home / "logs" / name) for line in part]
        found[name] = (len(ids), len(set(ids)))
    return found


def _parts(path: Path) -> Iterator[Sequence[bytes]]:
    for part in [*(path.parent / "archive").glob(f"{path.name}.*"), *([path] if path.exists() else [])]:
        raw = gzip.decompress(part.read_bytes()) if part.suffix == ".gz" else part.read_bytes()
        yield raw.splitlines()


def unseen(samples: list[Sample]) -> list[str]:
    lost = sum(each.to_sql_s is None or each.to_file_s is None for each in samples)
    return [f"{lost:,} probes did not come through in {_PATIENCE_S:g} s"] if lost else []


def slope_per_h(samples: list[Sample], values: Sequence[float]) -> float:
    """Of the last three quarters: what comes before is warming up."""
    steady = len(samples) // 4
    return statistics.linear_regression([each.elapsed_s / 3600 for each in samples[steady:]], values[steady:]).slope


def quarters(values: Sequence[float]) -> list[str]:
    """p50 / p95 in each quarter of the run."""
    parts = [sorted(values[at * len(values) // 4 : (at + 1) * len(values) // 4]) for at in range(4)]
    return [f"{statistics.median(part):,.2f} / {part[int(len(part) * 0.95)]:,.2f}" for part in parts]


def summary(samples: list[Sample], at_end: End) -> Table:
    table = Table(box=box.SIMPLE_HEAD, caption_justify="left")
    table.add_column("what")
    for at in range(1, 5):
        table.add_column(f"quarter {at}", justify="right")
    table.add_column("slope per hour", justify="right")
    rows: dict[str, Callable[[Sample], float | None]] = {
        "memory, MB": lambda each: each.rss_mb,
        "file descriptors": lambda each: each.file_descriptors,
        "threads": lambda each: each.threads,
        "CPU, % of a core": lambda each: each.cpu_pct,
        "write-ahead log, MB": lambda each: each.wal_mb,
        "recorded to SQL, s": lambda each: each.to_sql_s,
        "recorded to nav.json, s": lambda each: each.to_file_s,
    }
    for label, of in rows.items():
        known = [(each, value) for each in samples if (value := of(each)) is not None]
        values = [value for _, value in known]
        table.add_row(label, *quarters(values), f"{slope_per_h([each for each, _ in known], values):+,.2f}")
    table.caption = "\n".join(_closing(samples, at_end))
    return table


def _closing(samples: list[Sample], at_end: End) -> Iterator[str]:
    recorded, load, sync = at_end.recorded, at_end.load, at_end.status["sync"]
    yield f"{len(samples):,} samples, p50 / p95; database at the end {samples[-1].database_mb:,.0f} MB"
    yield (
        f"recorded {sum(recorded['events'].values()):,} events in {recorded['batches']:,} batches,"
        f" stored {load['stored']:,}, refused {load['refused']:,}, gaps {at_end.gaps:,}"
    )
    for name, (count, unique) in at_end.mirrors.items():
        yield f"{name}: {count:,} lines, {count - unique:,} double"
    yield f"sync: {sync['writes']:,} documents set, {sync['failures']:,} failures" if sync else "no sync: no emulator"


def plot(samples: list[Sample], path: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    panels: dict[str, dict[str, Callable[[Sample], float | None]]] = {
        "memory, MB": {"RSS": lambda each: each.rss_mb},
        "file descriptors and threads": {
            "file descriptors": lambda each: each.file_descriptors,
            "threads": lambda each: each.threads,
        },
        "write-ahead log, MB": {"size": lambda each: each.wal_mb},
        "latency, s": {
            "recorded to nav.json": lambda each: each.to_file_s,
            "recorded to SQL": lambda each: each.to_sql_s,
        },
    }
    minutes = [each.elapsed_s / 60 for each in samples]
    figure, axes = plt.subplots(len(panels), sharex=True, figsize=(10, 9), layout="constrained")
    for axis, (title, lines) in zip(axes, panels.items(), strict=True):
        for label, of in lines.items():
            values = [float("nan") if (value := of(each)) is None else value for each in samples]
            axis.plot(minutes, values, label=label, linewidth=1)
        axis.set_title(title, loc="left", fontsize=10)
        axis.set_ylim(0, axis.get_ylim()[1] * 1.1)
        axis.grid(alpha=0.3)
        if len(lines) > 1:
            axis.legend(fontsize=8)
    axes[-1].set_xlabel("minutes")
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3600)
    parser.add_argument("--rate", type=float, default=200, help="events a second")
    parser.add_argument("--every", type=float, default=5, help="seconds from sample to sample")
    parser.add_argument("--out", type=Path, default=Path("build/soak"), help="where samples and plot are left")
    options = parser.parse_args()
    home = options.out / "home"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    (home / "tape.toml").write_text(SETTINGS)
    samples, at_end = soak(home.resolve(), seconds=options.seconds, rate=options.rate, every_s=options.every)
    with (options.out / "samples.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Sample)])
        writer.writeheader()
        writer.writerows(asdict(each) for each in samples)
    plot(samples, options.out / "soak.png")
    Console(width=120).print(summary(samples, at_end))
    print(f"{options.out / 'samples.csv'}, {options.out / 'soak.png'}")
    problems = [*at_end.problems(), *unseen(samples)]
    for problem in problems:
        print(f"wrong: {problem}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
