"""`tape doctor` and `--watch` as they are run: with an owner, without, with one that hangs; and how they end."""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tape.doctor.read_logs import MIRRORS
from tape.execution.events import HeartbeatSent, Ticked
from tape.exporters.contract import STATE_FILES
from tape.store.journal.writer import Journal
from tests.programs import PROJECT, Ended, fails, tape
from tests.tape.homes import published
from tests.tape.owners import Serving, wait_for
from tests.tape.runtime.test_run import Running, running
from tests.templates import sample_home

LOOKS = 25
"""At a runtime that is healthy: enough for a file to be replaced at every point of a look."""


def bad(ended: Ended) -> dict[str, str]:
    """What is not well, by name."""
    return {each["name"]: each["found"] for each in ended.json["checks"] if each["state"] != "ok"}


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[Serving]:
    """An owner that has published everything once and made its first backup."""
    with Serving(tmp_path) as serving, Journal(tmp_path, "executor") as journal:
        journal.record([Ticked(ts=datetime.now(UTC), equity_usd=5.0)])
        wait_for(lambda: len(published(tmp_path)) == len(STATE_FILES), "not all files are published")
        wait_for(lambda: serving.status()["last_backup"], "no backup is made")
        yield serving


@pytest.mark.thorough
def test_a_healthy_runtime_is_healthy_however_often_one_looks(tmp_path: Path) -> None:
    with running(tmp_path) as runtime:
        wait_for(lambda: len(published(tmp_path)) == len(STATE_FILES), "not all files are published")
        found = [tape("--home", tmp_path, "doctor", "--json") for _ in range(LOOKS)]
        assert [(bad(each), each.code, each.err) for each in found] == [({}, 0, "")] * LOOKS
        names = {each["name"] for each in found[-1].json["checks"]}
        assert {*(file.name for file in STATE_FILES), *MIRRORS} <= names
        assert {"owner", "disk", "backup", "rejected events", "workers", "journal executor"} <= names
        assert runtime.end()[0] == 0


@pytest.mark.thorough
def test_what_is_printed_fits_and_says_in_words_what_to_do(owner: Serving) -> None:
    healthy = tape("--home", owner.home, "doctor")
    assert (healthy.code, healthy.err) == (0, "")
    assert "published files: 14 of 14 ok" in healthy.out
    assert "healthy at " in healthy.out.splitlines()[-1]
    with suspended_publishing(owner.home):
        broken = tape("--home", owner.home, "doctor")
    assert broken.code == 2
    assert re.search(r"^x broken +pipeline_v6_shadow_head\.json +missing", broken.out, re.MULTILINE)
    assert "what to do:" in broken.out
    assert max(map(len, (healthy.out + broken.out).splitlines())) <= 100


@contextmanager
def suspended_publishing(home: Path) -> Iterator[None]:
    """Without a file that the owner writes every ten minutes."""
    path = home / "logs" / "state" / "pipeline_v6_shadow_head.json"
    content = path.read_bytes()
    path.unlink()
    yield
    path.write_bytes(content)


def test_a_file_edited_beside_a_running_owner_is_told_with_both_values(owner: Serving) -> None:
    path = owner.home / "logs" / "state" / "v6_runtime_probe.json"
    path.write_bytes(path.read_bytes().replace(b'"ENV": "dev"', b'"ENV": "prod"'))
    ended = tape("--home", owner.home, "doctor", "--json")
    assert (ended.code, bad(ended)) == (2, {path.name: 'edited: ENV is "prod", SQL says "dev"'})
    assert ended.json["state"] == "broken"
    (check,) = (each for each in ended.json["checks"] if each["name"] == path.name)
    assert set(check) == {"group", "name", "state", "found", "expected", "advice"}


@pytest.mark.thorough
def test_a_home_without_an_owner_is_broken_and_still_looked_at(owner: Serving) -> None:
    owner.end()
    ended = tape("--home", owner.home, "doctor", "--json")
    assert (ended.code, bad(ended)["owner"]) == (2, "no owner runs")
    (nav,) = (each for each in ended.json["checks"] if each["name"] == "nav.json")
    assert nav["found"].endswith("equal to SQL")
    (owner.home / "logs" / "state" / "nav.json").unlink()
    assert bad(tape("--home", owner.home, "doctor", "--json"))["nav.json"] == "missing"


def test_without_an_owner_that_comes_first_and_what_follows_from_it_is_counted(owner: Serving) -> None:
    owner.end()
    for name in ("nav.json", "synced_state.json"):
        (owner.home / "logs" / "state" / name).unlink()
    (owner.home / "logs" / "state" / "positions.json").write_text("{")
    ended = tape("--home", owner.home, "doctor")
    lines = ended.out.splitlines()
    assert lines[0] == "x broken  no owner runs: start `tape serve` under a supervisor: docs/deploy"
    advice = lines[[line.endswith("what to do:") for line in lines].index(True) + 1 :]
    assert [line.split()[0] for line in advice[:2]] == ["owner", "positions.json"], "a torn file is another matter"
    assert not any("nav.json" in line for line in lines), "it follows"
    assert re.search(r"^\d+ more follow from that: look again once an owner runs", ended.out, re.MULTILINE)
    assert tape("--home", owner.home, "doctor", "--json").json["checks"][0]["name"] == "owner"


def test_a_home_of_imported_logs_is_healthy_without_an_owner(tmp_path: Path) -> None:
    shutil.copytree(sample_home(), tmp_path, dirs_exist_ok=True)
    ended = tape("--home", tmp_path, "doctor", "--json")
    assert (ended.code, bad(ended)) == (0, {})
    found = {each["name"]: each["found"] for each in ended.json["checks"]}
    assert found["owner"] == "none has run here: the history was imported"
    assert found["nav.json"] == "not published: no owner has run here"
    assert tape("--home", tmp_path, "export").code == 0
    assert tape("--home", tmp_path, "doctor").code == 0, "files of before are what they are"
    (tmp_path / "logs" / "state" / "nav.json").write_text("{")
    assert "torn" in bad(tape("--home", tmp_path, "doctor", "--json"))["nav.json"]


def test_imported_logs_are_no_excuse_once_somebody_records(tmp_path: Path) -> None:
    shutil.copytree(sample_home(), tmp_path, dirs_exist_ok=True)
    with Journal(tmp_path, "executor") as journal:
        journal.record([HeartbeatSent(ts=datetime.now(UTC), service="executor")])
    ended = tape("--home", tmp_path, "doctor", "--json")
    assert (ended.code, bad(ended)["owner"]) == (2, "no owner runs")


def test_an_owner_that_hangs_is_told_from_one_that_is_gone(owner: Serving) -> None:
    owner.process.send_signal(signal.SIGSTOP)
    try:
        ended = tape("--home", owner.home, "doctor", "--json")
    finally:
        owner.process.send_signal(signal.SIGCONT)
    assert ended.code == 2
    assert bad(ended)["owner"].startswith(f"pid {owner.pid} runs and does not answer: ")
    assert "within 5 s" in bad(ended)["owner"]


def test_a_home_without_database_and_wrong_words_end_as_every_command_does(tmp_path: Path) -> None:
    ended = tape("--home", tmp_path, "doctor", "--json")
    assert ended.code == 2
    assert "no database at" in bad(ended)["owner"]
    assert bad(ended)["nav.json"] == "missing"
    fails(tape("--home", tmp_path, "doctor", "5"), 2, "SECONDS needs --watch")
    fails(tape("--home", tmp_path, "doctor", "--watch", "0"), 2, "0.1")
    (tmp_path / "tape.toml").write_text("[store\n")
    fails(tape("--home", tmp_path, "doctor"), 1, "tape.toml")


def watching(home: Path, *words: str) -> Running:
    return Running(home, "--home", str(home), *words, "--watch", "0.2")


@pytest.mark.thorough
def test_a_watched_doctor_prints_a_line_for_each_look_and_ends_as_the_last_one(owner: Serving) -> None:
    with watching(owner.home, "doctor") as watched:
        wait_for(lambda: watched.log.count(" healthy: ") >= 3, "no lines are printed")
        (owner.home / "logs" / "state" / "v6_runtime_probe.json").unlink()
        wait_for(lambda: "v6_runtime_probe.json: missing" in watched.log, "the fault is not seen")
        assert watched.end()[0] == 2
        assert "Traceback" not in watched.log


@pytest.mark.rows(1)
@pytest.mark.parametrize("command", ["doctor", "status"])
def test_watched_json_is_an_object_a_line(owner: Serving, command: str) -> None:
    with watching(owner.home, command, "--json") as watched:
        wait_for(lambda: watched.log.count("\n") >= 2, "no lines are printed")
        assert watched.end()[0] == 0
        first: dict[str, Any] = json.loads(watched.log.splitlines()[0])
        assert first["state"] == "ok" if command == "doctor" else first["pid"] == owner.pid


@pytest.mark.thorough
def test_a_watched_status_prints_a_line_for_each_look(owner: Serving) -> None:
    with watching(owner.home, "status") as watched:
        wait_for(lambda: watched.log.count("\n") >= 2, "no lines are printed")
        assert re.match(rf"pid {owner.pid}; \d+ rows; 14 files, oldest \S+ .*; gaps 0$", watched.log.splitlines()[0])
        assert watched.end()[0] == 0


@pytest.mark.rows(1)
@pytest.mark.parametrize(("command", "words"), [("doctor", "store and owner: 12 of 12 ok"), ("status", "owner: pid")])
def test_on_a_terminal_a_watch_is_refreshed_and_fits(owner: Serving, command: str, words: str) -> None:
    shown = _on_a_terminal(owner.home, command, words, rows=24)
    assert words in shown
    assert len(shown.split(words)) >= 3, "it is not refreshed"


def _on_a_terminal(home: Path, command: str, words: str, *, rows: int) -> str:
    """What a watch shows on a terminal of 100 columns until it was refreshed twice and Ctrl-C was pressed."""
    pid, fd = pty.fork()
    if pid == 0:
        os.chdir(PROJECT)
        environment = {**os.environ, "COLUMNS": "100", "LINES": str(rows), "TERM": "xterm"}
        os.execve(  # noqa: S606
            sys.executable, [sys.executable, "-m", "tape", "--home", str(home), command, "--watch", "0.3"], environment
        )
    seen, until, is_ended = b"", time.monotonic() + 60, False
    with suppress(OSError):  # the end of a terminal whose program is gone
        while chunk := os.read(fd, 65536):
            seen += chunk
            if not is_ended and (seen.count(words.encode()) >= 3 or time.monotonic() > until):
                is_ended = os.write(fd, b"\x03") > 0
    _, status = os.waitpid(pid, 0)
    os.close(fd)
    assert os.waitstatus_to_exitcode(status) == 0, seen.decode()
    return seen.decode()


def test_a_deep_look_reads_the_whole_history_inside_the_owner_and_without_one(owner: Serving) -> None:
    with Journal(owner.home, "bot") as journal:
        for event_type in ("order_error", "order_attempt"):
            journal.write_event(event_type, {"event_id": "x", "symbol": "BTCUSDT", "ts": 1761994800})
    wait_for(lambda: "rejected events" in bad(tape("--home", owner.home, "doctor", "--json")), "nothing is refused")
    deep = tape("--home", owner.home, "doctor", "--deep", "--json")
    found = {each["name"]: each["found"] for each in deep.json["checks"]}
    assert found["doubled events"] == "none in the whole history"
    assert tape("--home", owner.home, "doctor", "--deep", "--watch").code == 2
    owner.end()
    files = tape("--home", owner.home, "doctor", "--deep", "--json")
    assert {each["name"]: each["found"] for each in files.json["checks"]}[
        "doubled events"
    ] == "none in the whole history"
    plain = tape("--home", owner.home, "doctor", "--json")
    assert "doubled events" not in {each["name"] for each in plain.json["checks"]}
