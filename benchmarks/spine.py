"""Measures the way of an event: ``make bench``.

What ``record()`` costs a trading thread, next to the ways it could be done without a journal; how fast a backlog is
stored; how long an event takes until SQL and until the published file shows it; and what the owner costs when little
happens, with a year of history behind it. Prints medians with min and max over the rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
from rich import box
from rich.console import Console
from rich.table import Table

from tape.client.owner_socket import ask
from tape.execution.events import Event, MarkObserved, OrderFilled, PositionMarked, Ticked
from tape.store.database import closing, migrate, open_database
from tape.store.errors import StoreError
from tape.store.ingest.ingest import Ingest
from tape.store.ingest.roll_ups import roll_up
from tape.store.journal.segments import SEGMENT_BYTES, journal_folder
from tape.store.journal.writer import Journal

SYMBOLS = tuple(f"SYM{at}USDT" for at in range(10))


def spread(values: Iterable[float], unit: str) -> str:
    """``median (min-max)``."""
    ordered = sorted(values)
    return f"{statistics.median(ordered):,.1f} {unit} ({ordered[0]:,.1f}-{ordered[-1]:,.1f})"


def fill(at: int, now: datetime) -> OrderFilled:
    return OrderFilled(
        event_id=f"fill-{at}",
        ts=now,
        ts_fill_first=now,
        symbol="BTCUSDT",
        side="BUY",
        order_id=str(at),
        client_order_id=f"c{at}",
        executed_qty=1.5,
        avg_price=100.25,
        fee_total=0.1,
        fee_asset="USDT",
        trade_ids=[at],
        status="FILLED",
        attempt_id=f"a{at}",
        latency_ms=12.5,
        bid_price=100.2,
        ask_price=100.3,
        mark_price=100.25,
    )


def tick(tick_id: str, now: datetime, equity_usd: float, *, marks: bool = False) -> list[Event]:
    """A tick with ten positions, and with ``marks`` the market of their symbols."""
    first = Ticked(event_id=tick_id, ts=now, equity_usd=equity_usd, nav_usd=equity_usd, position_count=len(SYMBOLS))
    positions = [
        PositionMarked(tick_id=tick_id, ts=now, symbol=s, qty=1.0, entry_price=3.0, mark_price=4.0, leverage=2.0)
        for s in SYMBOLS
    ]
    seen = [MarkObserved(ts=now, symbol=s, mark_price=4.0, bid_price=3.9, ask_price=4.1) for s in SYMBOLS]
    return [first, *positions, *(seen if marks else [])]


def timed_us(do: Callable[[int], object], count: int) -> tuple[float, float]:
    """p50 and p99 of one call, microseconds."""
    times = []
    for at in range(count):
        started = time.perf_counter_ns()
        do(at)
        times.append((time.perf_counter_ns() - started) / 1e3)
    times.sort()
    return statistics.median(times), times[int(count * 0.99)]


def record_costs(home: Path, rounds: int, table: Table) -> None:
    now = datetime.now(UTC)
    empty, full, ticks = [], [], []
    for at in range(rounds):
        with Journal(home / str(at), "bench") as journal:
            fills = [[fill(i, now)] for i in range(4_000)]
            empty.append(timed_us(lambda i: journal.record(fills[i]), len(fills)))  # noqa: B023
            path = next(journal_folder(home / str(at)).glob("bench-*"))
            while path.stat().st_size < SEGMENT_BYTES - 3 * 1024 * 1024:
                journal.record(fills[0])
            full.append(timed_us(lambda i: journal.record(fills[i]), len(fills)))  # noqa: B023
            batches = [tick(f"t{i}", now, 1.0) for i in range(2_000)]
            ticks.append(timed_us(lambda i: journal.record(batches[i]), len(batches)))  # noqa: B023
    for label, found, targets in (
        ("record() of a fill, empty segment", empty, ("<= 10 us", "<= 100 us")),
        ("record() of a fill, 13-15 MB segment", full, ("<= 10 us", "<= 100 us")),
        ("record() of a tick with 10 positions", ticks, ("<= 60 us", "")),
    ):
        table.add_row(f"{label}, p50", spread((p50 for p50, _ in found), "us"), targets[0])
        table.add_row("  p99", spread((p99 for _, p99 in found), "us"), targets[1])


def other_ways(folder: Path, rounds: int, table: Table) -> None:
    """What a fill costs without a journal, on the same disk in the same run."""
    line = orjson.dumps(fill(1, datetime.now(UTC)).model_dump(exclude_none=True), option=orjson.OPT_APPEND_NEWLINE)
    folder.mkdir()
    found = [timed_us(_append_and_fsync(folder / f"fsync{at}", line), 300)[0] for at in range(rounds)]
    table.add_row("append + fsync per line, p50", spread(found, "us"), "")
    found = [timed_us(_sqlite(folder / f"wal{at}.db", line), 1_000)[0] for at in range(rounds)]
    table.add_row("SQLite insert, WAL, synchronous=NORMAL, p50", spread(found, "us"), "")
    for label, size in (("empty", 0), ("10 MB", 10 * 1024 * 1024)):
        log = folder / f"copy{size}"
        log.write_bytes(line * (size // len(line)))
        found = [timed_us(_append_by_copy(log, line), 30)[0] for _ in range(rounds)]
        table.add_row(f"append by copying the file, {label}, p50", spread(found, "us"), "")


def _append_and_fsync(path: Path, line: bytes) -> Callable[[int], object]:
    def do(_: int) -> None:
        with path.open("ab") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())

    return do


def _sqlite(path: Path, line: bytes) -> Callable[[int], object]:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("pragma journal_mode = wal")
    connection.execute("pragma synchronous = normal")
    connection.execute("create table fills (line text)")
    return lambda _: connection.execute("insert into fills values (?)", [line])


def _append_by_copy(path: Path, line: bytes) -> Callable[[int], object]:
    def do(_: int) -> None:
        copy = path.with_suffix(".tmp")
        copy.write_bytes(path.read_bytes() + line)
        copy.replace(path)

    return do


def backlog(home: Path, table: Table) -> None:
    """A load generator's mix as fast as it records, then stored in one go."""
    tape("--home", str(home), "load", "--rate", "1000000", "--seconds", "12")
    migrate(home / "logs/tape.duckdb")
    with closing(open_database(home / "logs/tape.duckdb")) as connection, tempfile.TemporaryDirectory() as scratch:
        ingest, stored, started = Ingest(connection, home, Path(scratch)), 0, time.perf_counter()
        while (done := ingest.run_once()).events:
            stored += done.events
        seconds = time.perf_counter() - started
    table.add_row(f"backlog of {stored:,} events, one run", f"{stored / seconds:,.0f} events/s", ">= 50,000 events/s")


def tape(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "tape", *arguments], check=True, capture_output=True, text=True)  # noqa: S603


class Serving:
    """An owner of a home in a process of its own."""

    def __init__(self, home: Path, **environment: str) -> None:
        self._home = home
        command = [sys.executable, "-m", "tape", "--home", str(home), "serve"]
        home.mkdir(parents=True, exist_ok=True)
        with (home / "serve.log").open("ab") as log:
            self._process = subprocess.Popen(command, stderr=log, env={**os.environ, **environment})  # noqa: S603

    def __enter__(self) -> Serving:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                ask(self._home, {"request": "status"})
            except StoreError:
                time.sleep(0.1)
            else:
                return self
        raise TimeoutError("the owner does not answer")

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def cpu_s(self) -> float:
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def rss_mb(self) -> float:
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def latency(home: Path, seconds: int, table: Table) -> None:
    """Probes are ticks of a growing equity, looked for as the peak, beside 200 events a second."""
    loader = [sys.executable, "-m", "tape", "--home", str(home), "load", "--rate", "200", "--seconds", str(seconds + 4)]
    in_sql, in_file = [], []
    with (
        Serving(home),
        Journal(home, "probe") as journal,
        subprocess.Popen(loader, stdout=subprocess.DEVNULL) as load,  # noqa: S603
    ):
        time.sleep(2)
        for at in range(seconds):
            time.sleep(0.6 + 0.037 * (at % 11))
            recorded, equity = time.monotonic(), 1e6 + at
            journal.record(tick(f"probe-{at}", datetime.now(UTC), equity))
            seen = [0.0, 0.0]
            watchers = [
                threading.Thread(target=_until, args=(seen, 0, lambda e=equity: _sql_has(home, e))),
                threading.Thread(target=_until, args=(seen, 1, lambda e=equity: _file_has(home, e))),
            ]
            for watcher in watchers:
                watcher.start()
            for watcher in watchers:
                watcher.join()
            in_sql.append(seen[0] - recorded)
            in_file.append(seen[1] - recorded)
        load.wait()
    for label, found, target in (("visible in SQL", in_sql, "0.5 s"), ("in the published file", in_file, "1.5 s")):
        p95 = sorted(found)[int(len(found) * 0.95)]
        table.add_row(f"recorded -> {label}, 200 events/s, p95 of {len(found)}", f"{p95:.2f} s", f"<= {target}")
        table.add_row("  median (min-max)", spread(found, "s"), "")


def _until(seen: list[float], at: int, is_there: Callable[[], bool]) -> None:
    while not is_there():
        time.sleep(0.01)
    seen[at] = time.monotonic()


def _sql_has(home: Path, equity: float) -> bool:
    sql = f"select count(*) from ticks where ts > now() - interval 1 minute and equity_usd = {equity}"
    answer = ask(home, {"request": "query", "sql": sql})
    return bool(answer["rows"][0][0])


def _file_has(home: Path, equity: float) -> bool:
    document = json.loads((home / "logs/state/nav.json").read_bytes())
    return (document["peak_equity"] or 0) >= equity


def idle(home: Path, seconds: int, table: Table) -> None:
    """One tick a second with ten positions; behind it a year of ticks and orders, and a week of positions and marks."""
    rows = year(home)
    with Serving(home) as serving, Journal(home, "idle") as journal:
        # what the history changes is published, and the first backup made, before the measurement
        time.sleep(45)
        for marks, label in ((False, ""), (True, " and marks")):
            cpu, started = serving.cpu_s, time.monotonic()
            for at in range(seconds):
                time.sleep(max(0.0, started + at - time.monotonic()))
                journal.record(tick(f"idle-{marks}-{at}", datetime.now(UTC), 10_000.0 + at % 7, marks=marks))
            spent = (serving.cpu_s - cpu) / (time.monotonic() - started)
            table.add_row(
                f"idle, 1 tick/s with 10 positions{label}, {seconds} s",
                f"{spent:.1%} of a core",
                "" if marks else "<= 10 %",
            )
        table.add_row("  RSS", f"{serving.rss_mb:,.0f} MB", "<= 300 MB")
        table.add_row(f"  history: {rows}", "", "")


def year(home: Path) -> str:
    """A year of history, made in SQL; returns what there is."""
    migrate(home / "logs/tape.duckdb")
    end = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=2)
    with closing(open_database(home / "logs/tape.duckdb")) as connection:
        connection.execute("set variable t_end = cast(? as timestamptz)", [end])
        seq = 0
        for table, count, columns in _YEAR:
            common = (
                f"'{table}-' || i as event_id, false as is_test, ts as received_ts, {seq} + i as ingest_seq,"
                " 'history' as producer"
            )
            connection.execute(
                f"insert into {table} by name select {common}, * exclude (i) from ({columns}) order by i"
            )
            seq += count
        connection.execute("insert into ingest_counter values (?)", [seq])
        # its logs would be its mirror: it is none of the owner's work
        connection.execute("insert into imports values (?, 'history', 1, ?)", [end, seq])
        roll_up(connection, 0)
        connection.execute("checkpoint")
    return ", ".join(f"{count:,} {table}" for table, count, _ in _YEAR)


def _at(count: int, step_s: float) -> str:
    """SQL: ``count`` rows, ``i`` from 1, ending at the end of history, ``step_s`` apart."""
    step = f"cast(({count} - i) * {step_s} * 1e6 as bigint)"
    return f"i, getvariable('t_end') - to_microseconds({step}) as ts"


_ORDERS = 500 * 365
_ORDER_ROWS = f"from range(1, {_ORDERS} + 1) as rows (i)"
_SYMBOL = "'SYM' || (i % 10) || 'USDT' as symbol"
_YEAR: tuple[tuple[str, int, str], ...] = (
    (
        "ticks",
        31_536_000,
        f"select {_at(31_536_000, 1)}, 10000 + 50 * sin(i / 1e5) as equity_usd, equity_usd as nav_usd,"
        " 10 as position_count from range(1, 31536001) as rows (i)",
    ),
    (
        "positions",
        6_048_000,
        f"select {_at(6_048_000, 0.1)}, 'ticks-' || (i // 10) as tick_id, {_SYMBOL}, 1e0 as qty, 3e0 as entry_price,"
        " 4e0 as mark_price from range(1, 6048001) as rows (i)",
    ),
    (
        "marks",
        6_048_000,
        f"select {_at(6_048_000, 0.1)}, {_SYMBOL}, 4 + sin(i / 1e4) as mark_price from range(1, 6048001) as rows (i)",
    ),
    (
        "order_attempts",
        _ORDERS,
        f"select {_at(_ORDERS, 172.8)}, {_SYMBOL}, 'a' || i as attempt_id, 1e0 as qty, 4e0 as price_hint {_ORDER_ROWS}",
    ),
    (
        "order_fills",
        _ORDERS,
        f"select {_at(_ORDERS, 172.8)}, ts as ts_fill_first, {_SYMBOL}, 'BUY' as side, 'o' || i as order_id,"
        " 1e0 as executed_qty, 4e0 as avg_price, 0.01 as fee_total, 'a' || i as attempt_id"
        f" {_ORDER_ROWS}",
    ),
    (
        "order_closes",
        _ORDERS,
        f"select {_at(_ORDERS, 172.8)}, {_SYMBOL}, 'o' || i as order_id, sin(i) as realized_pnl_usd, 0.01 as fees_usd,"
        f" 1e0 as position_size_before, 0e0 as position_size_after, 'a' || i as attempt_id {_ORDER_ROWS}",
    ),
    (
        "order_metrics",
        _ORDERS,
        f"select {_at(_ORDERS, 172.8)}, {_SYMBOL}, 'a' || i as attempt_id, 'BUY' as side, 4e0 as mark_price,"
        " 4.001 as avg_fill_price, true as maker_start, i % 3 > 0 as is_maker_final, i % 3 = 0 as used_fallback,"
        f" 80e0 as ack_latency_ms {_ORDER_ROWS}",
    ),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=60, help="of latency probes, and of each idle measurement")
    parser.add_argument("--only", choices=("record", "other", "backlog", "latency", "idle"))
    options = parser.parse_args()
    table = Table(title=f"{options.rounds} rounds, median (min-max)", box=box.SIMPLE_HEAD, title_justify="left")
    table.add_column("what")
    table.add_column("figure", justify="right")
    table.add_column("target", justify="right")
    Path("build").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir="build") as name:
        folder = Path(name).resolve()
        parts: dict[str, Callable[[], None]] = {
            "record": lambda: record_costs(folder / "record", options.rounds, table),
            "other": lambda: other_ways(folder / "other", options.rounds, table),
            "backlog": lambda: backlog(folder / "backlog", table),
            "latency": lambda: latency(folder / "latency", options.seconds, table),
            "idle": lambda: idle(folder / "idle", options.seconds, table),
        }
        for part, measure in parts.items():
            if options.only in (None, part):
                measure()
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
