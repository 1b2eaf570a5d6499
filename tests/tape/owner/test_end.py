"""The end of a clean run: what was recorded is stored, published and mirrored, in time, or said to be left."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tape.execution.events import HeartbeatSent, IntentVetoed, MarkObserved, ShadowDecided, Ticked
from tape.store.journal.writer import Journal
from tests.programs import PROJECT, run, tape
from tests.store.old_logs import CLOSE, EXECUTED, text, write_files
from tests.tape.homes import published, reaches, rows
from tests.tape.owners import SOON_S, Serving, wait_for
from tests.tape.runtime.test_run import NAMES, Running

VETOES = "execution/risk_vetoes.jsonl"
RARELY = "[backup]\nevery_h = 0\n[intervals]\n" + "".join(
    f"{stem} = 3600\n" for stem in ("nav", "positions", "synced_state", "pipeline_v6_shadow_head", "router_health")
)
"""A cadence by which nothing but the last round publishes these files a second time."""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "tape.toml").write_text(RARELY)
    return tmp_path


def document(home: Path, name: str) -> dict[str, Any]:
    return dict(json.loads((home / "logs" / "state" / f"{name}.json").read_bytes()))


def waiting(home: Path) -> list[str]:
    """What ``doctor`` says of files and logs that lack rows, once nobody owns the home."""
    checks = tape("--home", home, "doctor", "--json").json["checks"]
    return [f"{each['name']}: {each['found']}" for each in checks if "behind" in each["found"]]


@pytest.mark.rows(1)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_last_that_was_recorded_is_published_and_mirrored_before_the_end(home: Path, number: int) -> None:
    with Serving(home) as owner:
        wait_for(lambda: published(home) == NAMES, "not all files are published")
        now = datetime.now(UTC)
        with Journal(home, "executor") as journal:
            journal.record(
                [
                    Ticked(ts=now, equity_usd=4321.0, nav_usd=4321.0, position_count=0),
                    MarkObserved(ts=now, symbol="BTCUSDT", mark_price=100.0),
                    HeartbeatSent(ts=now, service="executor"),
                    IntentVetoed(ts=now, symbol="BTCUSDT", veto_reason="min_notional"),
                    ShadowDecided(ts=now, symbol="BTCUSDT", is_allowed=True),
                ]
            )
        began = time.monotonic()
        assert owner.end(number) == 0, owner.log
        took_s = time.monotonic() - began
    assert document(home, "nav")["total_equity"] == 4321.0, owner.log
    assert json.loads((home / "logs" / "cache" / "peak_state.json").read_bytes())["equity"] == 4321.0
    assert document(home, "pipeline_v6_shadow_head")["total"] == 1
    assert document(home, "positions")["exec_stats"]["vetoes_24h"] == 1
    assert reaches(home, "execution/risk_vetoes.jsonl", 1)
    assert reaches(home, "pipeline_v6_shadow.jsonl", 1)
    assert waiting(home) == []
    assert "left for the next start" not in owner.log
    assert took_s < SOON_S, owner.log


FAULTY = """
import sys, threading
import tape.exporters.publisher, tape.owner.owner
from tape.cli.app import run

fault, home = sys.argv[1:]
render = tape.exporters.publisher.Publisher._render
rounds = tape.exporters.publisher.Publisher.publish_due
def is_last(self):
    return all(each.published for each in self.publications)
if fault == "hangs":
    def publish_due(self, *args, **more):
        if is_last(self):
            threading.Event().wait()
        return rounds(self, *args, **more)
    tape.exporters.publisher.Publisher.publish_due = publish_due
else:
    def _render(self, due, *args):
        if is_last(self) and due.file.name == "nav.json":
            raise ValueError("no such number")
        return render(self, due, *args)
    tape.exporters.publisher.Publisher._render = _render
sys.argv = ["tape", "--home", home, "serve"]
run()
"""


def _faulty(home: Path, fault: str) -> Running:
    (home / "faulty_owner.py").write_text(FAULTY)
    process = Running(home, fault, str(home), program="faulty_owner", PYTHONPATH=f"{PROJECT}{os.pathsep}{home}")
    wait_for(lambda: published(home) == NAMES, "not all files are published")
    return process


def _record(home: Path) -> None:
    with Journal(home, "executor") as journal:
        journal.record([Ticked(ts=datetime.now(UTC), equity_usd=4321.0)])


def test_an_end_whose_files_cannot_be_published_in_time_says_so_and_the_next_start_goes_on(home: Path) -> None:
    with _faulty(home, "hangs") as process:
        _record(home)
        code, took_s = process.end()
    assert (code, took_s < SOON_S) == (0, True), (took_s, process.log)
    assert "left for the next start, nothing is lost: publish: not done in time" in process.log
    assert rows(home, "select equity_usd from ticks") == [(4321.0,)]
    with Serving(home) as owner:
        wait_for(lambda: document(home, "nav")["total_equity"] == 4321.0, "the next owner does not go on")
        assert owner.end() == 0


@pytest.mark.thorough
def test_a_file_that_cannot_be_published_at_the_end_is_named_and_the_others_are_published(home: Path) -> None:
    with _faulty(home, "fails") as process:
        _record(home)
        code, _ = process.end(signal.SIGTERM)
    assert code == 0
    assert "left for the next start, nothing is lost: nav.json: no such number" in process.log
    assert document(home, "synced_state")["nav"] == 4321.0


def test_a_second_ctrl_c_ends_it_at_once(home: Path) -> None:
    with _faulty(home, "hangs") as process:
        process.process.send_signal(signal.SIGINT)

        def is_over() -> bool:
            process.process.send_signal(signal.SIGINT)
            return process.process.poll() is not None

        wait_for(is_over, "it does not end")
    assert process.process.returncode == 130
    assert process.log.splitlines()[-1] == "tape: ended at once; what was recorded stands in the journal"
    assert "INFO stopped" not in process.log


INTERRUPTED = """
import os, signal, sys
import tape.store.legacy.importer
from tape.cli.app import run

signal.signal(signal.SIGINT, signal.default_int_handler)  # whatever the tests were started with
home, logs = sys.argv[1:]
read = tape.store.legacy.importer._LogImport.run
done = []
def _run(self, *args):
    if done:
        os.kill(os.getpid(), signal.SIGINT)
    read(self, *args)
    done.append(self._log.name)
tape.store.legacy.importer._LogImport.run = _run
sys.argv = ["tape", "--home", home, "import", logs]
run()
"""


@pytest.mark.thorough
def test_an_import_that_ctrl_c_ends_says_what_it_has_stored_and_goes_on_next_time(home: Path) -> None:
    veto = {"ts": "2025-11-05T12:00:00Z", "symbol": "BTCUSDT", "side": "BUY", "veto_reason": "min_notional"}
    write_files(home / "old", {VETOES: text(veto, {**veto, "symbol": "ETHUSDT"}), EXECUTED: text(CLOSE)})
    (home / "interrupted_import.py").write_text(INTERRUPTED)
    with Running(
        home, str(home), str(home / "old"), program="interrupted_import", PYTHONPATH=f"{PROJECT}{os.pathsep}{home}"
    ) as process:
        assert process.process.wait(timeout=120) == 130, process.log
    (said,) = [line for line in process.log.splitlines() if line.strip()]
    stored = {table: rows(home, f"select count(*) from {table}")[0][0] for table in ("vetoes", "order_closes")}
    assert sorted(stored.values()) in ([0, 1], [0, 2])
    assert re.fullmatch(
        r"tape: interrupted: stored so far: (risk_vetoes 2|orders_executed 1); importing again stores the rest", said
    ), process.log
    assert tape("--home", home, "import", home / "old").code == 0
    assert rows(home, "select (select count(*) from vetoes), (select count(*) from order_closes)") == [(2, 1)]


def test_ctrl_c_in_a_query_of_a_command_is_one_line_and_no_traceback(home: Path) -> None:
    assert tape("--home", home, "migrate").code == 0
    script = (
        "import sys\n"
        "import tape.cli.export as command\n"
        "def publish(reading, *_, **__):\n"
        "    raise RuntimeError('Query interrupted')  # what DuckDB makes of Ctrl-C\n"
        "command.publish = publish\n"
        "from tape.cli.app import run\n"
        f"sys.argv = ['tape', '--home', {str(home)!r}, 'export', '--out', {str(home / 'out')!r}]\n"
        "run()\n"
    )
    ended = run("-c", script)
    assert (ended.code, ended.err.strip()) == (130, "tape: interrupted")
