"""The runtime as a process: executor, owner and exporters in one, or the executor beside an owner; and how they end."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import jsonschema
import pytest

from tape.client.owner_socket import DoorClosed, ask
from tape.execution.events import EVENTS_BY_TYPE
from tape.exporters.contract import STATE_FILES
from tape.exporters.mirrors.events import EVENT_MIRRORS
from tape.store.database import closing, open_database
from tape.store.ingest.positions import certificates
from tests.programs import PROJECT, Ended, Program, fails, run, tape
from tests.tape.homes import in_order, mirrored, published, rows
from tests.tape.owners import SOON_S, Serving, patiently, wait_for
from tests.tape.terminals import Terminal
from tests.templates import give_database

NAMES = {file.name for file in STATE_FILES}
TICK_FILES = {file.name for file in STATE_FILES if file.every_s == 1.0}
CLOCK_KEYS = {"updated_at", "updated_ts", "generated_ts", "ts"}
TOML = "[backup]\nevery_h = 0\n[executor]\ninterval_s = 0.25\n"
"""Four ticks a second, so that much happens in little time."""
TICKS = 40


class Running:
    """A process of the runtime, without a terminal, whose log can be read."""

    def __init__(self, home: Path, *words: str, program: str = "tape", **environment: str) -> None:
        self._log = home / "run.log"
        with self._log.open("ab") as log:
            self._from = log.tell()
            self.process = Program("-m", program, *words, stdout=log, stderr=log, environment=environment)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()

    @property
    def log(self) -> str:
        return self._log.read_bytes()[self._from :].decode()

    def end(self, number: int = signal.SIGINT) -> tuple[int, float]:
        """Signals it; its exit code, and the seconds it took to end."""
        begun = time.monotonic()
        self.process.send_signal(number)
        code = self.process.wait(timeout=60)
        return code, time.monotonic() - begun


def running(home: Path, *words: str) -> Running:
    return Running(home, "--home", str(home), "run", *words)


def _home(folder: Path, toml: str = TOML) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "tape.toml").write_text(toml)
    return folder


def _migrated(home: Path) -> Path:
    """The home, with its database: what is asked of a run is not how soon that is made."""
    give_database(home)
    return home


def _instant(value: str | float) -> datetime:
    return datetime.fromisoformat(value) if isinstance(value, str) else datetime.fromtimestamp(value, UTC)


def _as_of(document: dict[str, Any]) -> datetime:
    return next(_instant(document[key]) for key in sorted(CLOCK_KEYS) if key in document)


@dataclass
class Ran:
    """A run that is over, and what was seen of its files while it went on."""

    home: Path
    code: int
    log: str
    seen: dict[str, set[datetime]] = field(default_factory=dict)
    """By file, the instants it was published for."""
    invalid: list[str] = field(default_factory=list)
    looks: int = 0

    def look(self) -> None:
        """Reads every file that is there, while it may be replaced."""
        self.looks += 1
        for file in STATE_FILES:
            path = self.home / "logs" / "state" / file.name
            with suppress(FileNotFoundError):
                content = path.read_bytes()
                try:
                    document = json.loads(content)
                    file.model.model_validate(document)
                except ValueError as error:
                    self.invalid.append(f"{file.name}: {error}: {content[:100]!r}")
                    continue
                if _as_of(document) > datetime.now(UTC) + timedelta(seconds=1):
                    self.invalid.append(f"{file.name}: of the future")
                self.seen.setdefault(file.name, set()).add(_as_of(document))

    def document(self, name: str) -> dict[str, Any]:
        return dict(json.loads((self.home / "logs" / "state" / name).read_bytes()))


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """``tape run`` without a terminal, asked to end after so many ticks; tests only read its home."""
    home = _migrated(_home(tmp_path_factory.mktemp("run") / "home"))
    with running(home) as process:
        result = Ran(home, -1, "")

        def is_enough() -> bool:
            result.look()
            assert process.process.poll() is None, process.log
            if result.seen.keys() != NAMES or any(len(result.seen[name]) < 3 for name in TICK_FILES):
                return False
            return (_answer(home, "select count(*) from ticks") or 0) >= TICKS

        wait_for(is_enough, "it does not tick, or does not publish what it ticks", 120)
        result.code, result.log = process.end()[0], process.log
    return result


def _answer(home: Path, sql: str) -> Any:
    """The only value of a query, ``None`` before the owner answers."""
    with suppress(DoorClosed):
        return patiently(lambda: ask(home, {"request": "query", "sql": sql}))["rows"][0][0]
    return None


def test_it_ends_by_itself_after_its_seconds(tmp_path: Path) -> None:
    with running(_migrated(_home(tmp_path / "home")), "--seconds", "1") as process:
        assert process.process.wait(60) == 0, process.log
    assert " INFO stopped: " in process.log.splitlines()[-1]


def test_it_ends_when_it_is_asked_to_with_a_summary(ran: Ran) -> None:
    assert ran.code == 0, ran.log
    last = ran.log.splitlines()[-1]
    assert re.search(r" INFO stopped: .*\bNAV [\d,.]+ USD, .*\bticks \d+, .*\b14 of 14 there", last), ran.log
    for word in ("Traceback", "ERROR", "\x1b"):
        assert word not in ran.log


def test_every_file_was_valid_whenever_it_was_read(ran: Ran) -> None:
    assert ran.looks > 5
    assert ran.invalid == []
    assert ran.seen.keys() == NAMES
    assert published(ran.home) == NAMES
    for file in STATE_FILES:
        schema = json.loads((PROJECT / "docs" / "schema" / f"{file.stem}.schema.json").read_bytes())
        jsonschema.validate(ran.document(file.name), schema)


def test_files_of_every_tick_grew_newer_while_it_ran(ran: Ran) -> None:
    for name in TICK_FILES:
        assert len(ran.seen[name]) >= 3, name
        assert _as_of(ran.document(name)) >= max(ran.seen[name]), name


def test_every_file_is_what_sql_says_of_its_own_instant(tmp_path: Path, ran: Ran) -> None:
    newest = dict(rows(ran.home, "select file, max(export_id) from exports group by file"))
    assert newest.keys() == NAMES
    same: dict[datetime, list[str]] = {}
    for name, export_id in newest.items():
        ((as_of, known_seq),) = rows(ran.home, f"select as_of, known_seq from exports where export_id = {export_id}")
        document = ran.document(name)
        clocks = {key: _instant(document[key]) for key in CLOCK_KEYS & document.keys()}
        assert clocks
        for key, instant in clocks.items():
            assert abs((instant - as_of).total_seconds()) < 2e-6, (name, key)
        late = " union all ".join(
            f"select 1 from {event.table} where ts <= '{as_of}' and ingest_seq > {known_seq}"
            for event in EVENTS_BY_TYPE.values()
        )
        if rows(ran.home, f"select count(*) from ({late})") == [(0,)]:
            # nothing that happened before was stored behind it, so that SQL says today what it said then
            same.setdefault(as_of, []).append(name)
    assert same, "else this test shows nothing"
    for as_of, names in same.items():
        out = tmp_path / f"{as_of.timestamp()}"
        assert tape("--home", ran.home, "export", "--as-of", as_of.isoformat(), "--out", out, *names).code == 0
        for name in names:
            assert (out / name).read_bytes() == (ran.home / "logs" / "state" / name).read_bytes(), name


def test_every_file_comes_out_again_to_the_byte(tmp_path: Path, ran: Ran) -> None:
    from tape.exporters.publisher import republish

    with closing(open_database(ran.home / "logs" / "tape.duckdb", read_only=True)) as connection:
        newest = connection.execute("select file, max(export_id) from exports group by file").fetchall()
        for name, export_id in newest:
            path = republish(connection, export_id, tmp_path)
            assert path.read_bytes() == (ran.home / "logs" / "state" / name).read_bytes(), name


def test_nothing_is_lost_and_much_has_happened(ran: Ran) -> None:
    with closing(open_database(ran.home / "logs" / "tape.duckdb", read_only=True)) as connection:
        (certificate,) = certificates(connection)
    assert (certificate.gaps, certificate.refused) == (0, 0), certificate
    counted = {
        table: rows(ran.home, f"select count(*), count(distinct event_id) from {table}")[0]
        for table in ("ticks", "order_attempts", "order_fills", "order_metrics", "shadow_decisions", "marks")
    }
    for table, (count, ids) in counted.items():
        assert count == ids > 0, table
    assert counted["ticks"][0] >= TICKS
    assert rows(ran.home, "select count(*) from rejected_events") == [(0,)]


def test_the_logs_hold_what_the_tables_hold(tmp_path: Path, ran: Ran) -> None:
    """What was stored on the way out is the next owner's to mirror."""
    home = tmp_path / "copy"
    shutil.copytree(ran.home, home)
    for name in EVENT_MIRRORS:
        assert mirrored(home, name) == in_order(home, name)[: len(mirrored(home, name))], name
    wanted = {name: len(in_order(home, name)) for name in EVENT_MIRRORS}
    assert wanted["execution/orders_executed.jsonl"] > 0
    with Serving(home) as owner:
        for name, count in wanted.items():
            wait_for(lambda: len(mirrored(home, name)) >= count, f"{name} is not brought up to date")  # noqa: B023
        assert owner.end() == 0, owner.log
    for name in EVENT_MIRRORS:
        assert mirrored(home, name) == in_order(home, name), name
    for name in ("router_health.jsonl", "pipeline_v6_compare.jsonl"):
        ids = mirrored(home, name)
        assert len(set(ids)) == len(ids) > 0, name


def test_killed_and_started_again_the_paper_account_goes_on(tmp_path: Path) -> None:
    home = _migrated(_home(tmp_path / "home"))
    saved = home / "logs" / "cache" / "paper_account.json"

    def has_lots() -> bool:
        return saved.exists() and bool(json.loads(saved.read_bytes())["lots"])

    with running(home) as first:
        wait_for(lambda: has_lots() or first.process.poll() is not None, "nothing is held")
        first.process.kill()
        first.process.wait()
        account = json.loads(saved.read_bytes())
    with running(home) as second:
        wait_for(partial(_has, home, "nav.json"), "no nav.json")
        wait_for(lambda: "goes on from" in second.log, "it does not go on")
        time.sleep(1.5)
        code, took_s = second.end(signal.SIGINT)
    assert (code, took_s < SOON_S) == (0, True), (took_s, second.log)
    assert " INFO stopped: " in second.log.splitlines()[-1]
    runs = "select run_id, min(ts) as first from ticks group by run_id order by first"
    assert len(rows(home, runs)) == 2
    held = f"""
        select p.symbol, p.qty, t.equity_usd - t.unrealized_pnl_usd from ticks as t
        left join positions as p on p.tick_id = t.event_id
        where t.run_id = (select run_id from ({runs}) order by first desc limit 1)
        and t.ts = (select max(first) from ({runs}))
    """
    lots = {symbol: pytest.approx(sum(qty for qty, _ in of)) for symbol, of in account["lots"].items()}
    assert {symbol: qty for symbol, qty, _ in rows(home, held)} == lots
    assert rows(home, held)[0][2] == pytest.approx(account["wallet_usd"], abs=0.005)
    with closing(open_database(home / "logs" / "tape.duckdb", read_only=True)) as connection:
        assert [each.gaps for each in certificates(connection)] == [0]
    for event in EVENTS_BY_TYPE.values():
        ((count, ids),) = rows(home, f"select count(*), count(distinct event_id) from {event.table}")
        assert count == ids, event.table


def _has(home: Path, name: str) -> bool:
    return (home / "logs" / "state" / name).exists()


def test_on_a_terminal_a_panel_shows_how_it_does_and_ctrl_c_ends_it(tmp_path: Path) -> None:
    home, terminal = _home(tmp_path / "home"), Terminal()
    process = Program(
        *("-m", "tape", "--home", home, "run"),
        stdin=terminal.slave,
        stdout=terminal.slave,
        stderr=terminal.slave,
        environment={"TERM": "xterm-256color"},
    )
    os.close(terminal.slave)
    try:
        shown = re.compile(
            r"NAV +[\d,.]+ USD.*positions +\d.*ticks +[1-9].*events +[1-9].*lag +\d+ ms"
            r".*files +\d+ written, 14 of 14 there.*oldest file +\w+\.json, [\d.]+ s",
            re.DOTALL,
        )
        wait_for(lambda: shown.search(terminal.text) or process.poll() is not None, "the panel does not show all")
        assert process.poll() is None, terminal.text
        fails(tape("--home", home, "run"), 1, f"pid {process.pid}")
        fails(tape("--home", home, "serve"), 1, f"pid {process.pid}")
        assert process.poll() is None, "it does not mind"
        begun = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 0
        assert time.monotonic() - begun < SOON_S
        wait_for(lambda: shown.search(terminal.text[-1500:]), "no summary", 5)
        assert "Traceback" not in terminal.text
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with Serving(_home(tmp_path_factory.mktemp("two") / "home")) as owner:
        yield owner


def test_an_executor_alone_beside_an_owner_gives_the_same_files(serving: Serving) -> None:
    home = serving.home
    with Running(home, "--home", str(home), program="tape.execution.executor_live") as executor:
        wait_for(lambda: published(home) == NAMES, "not all files are published")
        wait_for(lambda: json.loads((home / "logs/state/nav.json").read_bytes())["nav"] is not None, "no NAV")
        wait_for(lambda: serving.value("select count(*) from ticks") > 8, "no ticks")
        for file in STATE_FILES:
            file.model.model_validate_json((home / "logs" / "state" / file.name).read_bytes())
        again = tape_executor(home)
        assert again.code == 1
        assert again.err.count("\n") == 1
        assert f"has a running executor, pid {executor.process.pid}" in again.err
        code, took_s = executor.end(signal.SIGTERM)
    assert (code, took_s < SOON_S) == (0, True), executor.log
    assert re.search(r"INFO stopped after \d+ s: \d+ ticks, \d+ events", executor.log.splitlines()[-1])
    assert (home / "logs" / "cache" / "paper_account.json").exists()
    ((recorded,),) = [re.findall(r"(\d+) events", executor.log)]
    stored = " + ".join(f"(select count(*) from {event.table})" for event in EVENTS_BY_TYPE.values())
    wait_for(lambda: serving.value(f"select {stored}") == int(recorded), "not all is stored")


def tape_executor(home: Path, *words: str, **environment: str) -> Ended:
    return run("-m", "tape.execution.executor_live", "--home", home, *words, **environment)


def test_a_run_without_its_executor_ends_in_one_line(tmp_path: Path) -> None:
    """It is refused where another executor has the home; the owner goes with it."""
    from tape.store.claims import trading

    home = _migrated(_home(tmp_path / "home"))
    with trading(home):
        ended = tape("--home", home, "run", "--seconds", "20")
    assert ended.code == 1
    assert ended.err.splitlines()[-1].startswith("tape: ")
    assert f"has a running executor, pid {os.getpid()}" in ended.err.splitlines()[-1]
    assert "Traceback" not in ended.err


@pytest.mark.rows(1)
@pytest.mark.parametrize(
    ("toml", "told"),
    [
        ('[executor]\nvenue = "ccxt"\n', "expected BINANCE_API_KEY and BINANCE_API_SECRET"),
        ('[executor]\nvenue = "mt5"\n', "executor.venue"),
        ("[executor]\ninterval = 1\n", "executor.interval"),
        ('[executor]\nvenue = "ccxt"\ntrading = true\n', "expected DRY_RUN = 0"),
    ],
)
def test_what_cannot_run_is_refused_before_anything_is_begun(tmp_path: Path, toml: str, told: str) -> None:
    home = _home(tmp_path / "home", toml)
    keyless = {"BINANCE_API_KEY": "", "BINANCE_API_SECRET": ""}
    fails(tape("--home", home, "run", "--seconds", "5", **keyless), 1, told)
    assert not (home / "logs").exists()


def test_a_torn_paper_account_is_refused_in_one_line_and_left_as_it_is(tmp_path: Path) -> None:
    home = _migrated(_home(tmp_path / "home"))
    saved = home / "logs" / "cache" / "paper_account.json"
    saved.parent.mkdir(parents=True)
    saved.write_bytes(b'{"now": "2025-01-0')
    fails(tape("--home", home, "run", "--seconds", "5"), 1, str(saved), "move it away")
    assert saved.read_bytes() == b'{"now": "2025-01-0'


FAULTY = """
import errno, itertools, sys, time
import duckdb
import tape.runtime.loop, tape.owner.owner
import tape.store.journal.writer
from tape.cli.app import run

fault, home = sys.argv[1:]
steps = itertools.count()
if fault == "venue hangs":
    tape.runtime.loop.Loop._step = lambda self: time.sleep(30)
elif fault == "database breaks":
    mirror = tape.owner.owner.Owner._mirror
    def _mirror(self):
        if next(steps) > 8:
            raise duckdb.FatalException("the disk is gone")
        return mirror(self)
    tape.owner.owner.Owner._mirror = _mirror
else:
    write = tape.store.journal.writer.Journal._write
    def _write(self, seq, body):
        if next(steps) > 8:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(self, seq, body)
    tape.store.journal.writer.Journal._write = _write
sys.argv = ["tape", "--home", home, "run"]
run()
"""


def _faulty(home: Path, fault: str) -> Running:
    script = home / "faulty_runtime.py"
    script.write_text(FAULTY)
    return Running(home, fault, str(home), program="faulty_runtime", PYTHONPATH=f"{PROJECT}{os.pathsep}{home}")


@pytest.mark.thorough
def test_ctrl_c_ends_it_in_time_when_the_venue_hangs(tmp_path: Path) -> None:
    home = _migrated(_home(tmp_path / "home"))
    with _faulty(home, "venue hangs") as process:
        wait_for(lambda: published(home) == NAMES, "not all files are published")
        code, took_s = process.end(signal.SIGINT)
        assert (code, took_s < SOON_S) == (0, True), (took_s, process.log)
        assert "the executor is left in the middle of a step" in process.log
        assert " INFO stopped: " in process.log.splitlines()[-1]


@pytest.mark.rows(1)
@pytest.mark.parametrize(
    ("fault", "told"),
    [("database breaks", "can no longer be used: .*the disk is gone"), ("journal full", "No space left on device")],
)
def test_when_one_half_dies_both_end_with_one_line_and_the_next_run_goes_on(
    tmp_path: Path, fault: str, told: str
) -> None:
    home = _migrated(_home(tmp_path / "home"))
    with _faulty(home, fault) as process:
        assert process.process.wait(timeout=60) == 1
        assert re.fullmatch(f"tape: .*{told}.*", process.log.splitlines()[-1]), process.log
        assert "Traceback" not in process.log
    assert (home / "logs" / "cache" / "paper_account.json").exists()
    with running(home) as again:
        wait_for(lambda: _answer(home, "select count(distinct run_id) from ticks") == 2, "the next run does not tick")
        assert again.end()[0] == 0, again.log
    with closing(open_database(home / "logs" / "tape.duckdb", read_only=True)) as connection:
        assert [each.gaps for each in certificates(connection)] == [0]
