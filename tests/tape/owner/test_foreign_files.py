"""Files of other programs in a home: never changed without a word, and kept when they are taken over."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tape.exporters.contract import STATE_FILES
from tape.exporters.mirrors.live import LOGS
from tests.programs import tape
from tests.store.old_logs import write_files
from tests.tape.owners import Serving, wait_for

OLD_LINE = '{"event_type": "order_ack", "symbol": "BTCUSDT", "ts": 1700000000.5}\n'


def old_runtime(home: Path) -> Path:
    """A folder as an old runtime keeps it, with every file whose name this program would use too."""
    state = {f"logs/state/{file.name}": json.dumps({"updated_at": "then", "of": file.stem}) for file in STATE_FILES}
    logs = {f"logs/{name}": OLD_LINE * 3 for name in LOGS}
    caches = {
        "logs/nav_log.json": json.dumps([{"t": 1700000000.25 + 60 * at, "nav": 1000.0 + at} for at in range(720)]),
        "logs/cache/peak_state.json": json.dumps({"peak": 1719.0, "nav": 1719.0, "day": "2023-11-15", "ts": 1.0}),
    }
    others = {
        "logs/executor.pid": "4711 since monday\n",
        "logs/execution/archive/orders_executed.jsonl.1": OLD_LINE,
        "logs/state/.nav.json.999999999.1.bak": "mine",
        "logs/state/nav.json.tmp": "mine",
        "logs/state/.theirs.999999999.1.tmp": "mine",
        "logs/rebuilding.txt": "mine",
        "config/risk_limits.json": "{}",
    }
    return write_files(home, state | logs | caches | others)


def content(folder: Path) -> dict[str, tuple[str, int, int]]:
    """Every file of a folder: what is in it, which file it is, and when it was changed."""
    return {
        str(path.relative_to(folder)): (
            hashlib.sha256(path.read_bytes()).hexdigest(),
            path.stat().st_ino,
            path.stat().st_mtime_ns,
        )
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "serve.log"
    }


def refused(*words: str | Path) -> str:
    """What a command says that refuses: one line, exit code 1."""
    ended = tape(*words)
    assert ended.code == 1, (words, ended.out, ended.err)
    assert len(ended.err.splitlines()) == 1, ended.err
    return ended.err


@pytest.mark.rows(1)
@pytest.mark.parametrize("command", [("serve",), ("run", "--seconds", "3"), ("export",)])
def test_in_an_old_runtimes_folder_a_command_names_the_file_and_changes_nothing(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    home = old_runtime(tmp_path / "old")
    before = content(home)
    assert f"{home}/logs/state/nav.json: expected what Tape wrote there last" in refused("--home", home, *command)
    assert content(home) == before


@pytest.mark.thorough
def test_no_other_command_changes_a_file_of_an_old_runtime(tmp_path: Path) -> None:
    home = old_runtime(tmp_path / "old")
    market = write_files(tmp_path, {"market.csv": "ts,symbol,open,high,low,close,volume\n"}) / "market.csv"
    before = content(home)
    for words in (
        ("run", "--replay", market),
        ("load", "--seconds", "0.5"),
        ("toggle", "BTCUSDT", "--off"),
        ("import", home / "logs"),
        ("status",),
        ("doctor",),
        ("sql", "select 1"),
        ("backup", home / "logs" / "backup.duckdb"),
        ("rebuild",),
        ("export", "--out", tmp_path / "out"),
    ):
        ended = tape("--home", home, *words)
        assert "Traceback" not in ended.err, (words, ended.err)
        after = content(home)
        assert {name: after.get(name) for name in before} == before, words


def test_one_log_of_another_program_is_enough(tmp_path: Path) -> None:
    home = write_files(tmp_path / "old", {"logs/execution/risk_vetoes.jsonl": OLD_LINE})
    before = content(home)
    assert "risk_vetoes.jsonl: expected" in refused("--home", home, "serve")
    assert content(home) == before


@pytest.mark.thorough
def test_a_home_that_imported_the_logs_beside_it_refuses_too(tmp_path: Path) -> None:
    home = write_files(tmp_path / "old", {f"logs/{name}": OLD_LINE for name in LOGS})
    assert tape("--home", home, "import", home / "logs").code == 0
    before = (home / "logs" / LOGS[0]).read_bytes()
    assert f"{LOGS[0]}: expected" in refused("--home", home, "serve")
    assert (home / "logs" / LOGS[0]).read_bytes() == before


def test_taken_over_everything_is_published_and_everything_that_was_there_is_kept(tmp_path: Path) -> None:
    home = old_runtime(tmp_path / "old")
    before = {path.name: path.read_bytes() for path in (home / "logs" / "state").glob("[a-z]*.json")}
    bystanders = {name: each for name, each in content(home).items() if "state/" not in name and "jsonl" not in name}
    with Serving(home, "--take-over") as owner:
        wait_for(lambda: all(each["published"] for each in owner.status()["files"].values()), owner.log)
        assert tape("--home", home, "load", "--seconds", "1").code == 0
        orders = home / "logs" / "execution" / "orders_executed.jsonl"
        wait_for(lambda: orders.read_bytes().count(b"event_id") > 3, owner.log)
        assert orders.read_bytes().startswith(OLD_LINE.encode() * 3)
        assert owner.status()["mirrors"] == dict.fromkeys(owner.status()["mirrors"])
        assert owner.end() == 0
    kept = {path.name.rpartition(".")[0]: path.read_bytes() for path in (home / "logs" / "taken-over").iterdir()}
    assert kept == before
    after = content(home)
    caches = ("logs/nav_log.json", "logs/cache/peak_state.json")
    assert {name: after.get(name) for name in bystanders if name not in caches} == {
        name: each for name, each in bystanders.items() if name not in caches
    }
    assert (home / "logs" / "state" / "nav.json.tmp").read_text() == "mine"
    assert (home / "logs" / "execution" / "archive" / "orders_executed.jsonl.1").read_text() == OLD_LINE
    with Serving(home):  # goes on as its own
        pass


def edited(path: Path) -> None:
    path.write_text(json.dumps(json.loads(path.read_bytes()), indent=1))


def touched(path: Path) -> None:
    raw = path.read_bytes()
    path.unlink()
    path.write_bytes(raw)


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def torn_by_a_power_cut(path: Path) -> None:
    path.write_bytes(b"\0" * 4096)


def gone(path: Path) -> None:
    path.unlink()


@pytest.mark.rows(1)
@pytest.mark.parametrize(
    ("change", "is_foreign"),
    [(edited, True), (touched, False), (emptied, False), (torn_by_a_power_cut, False), (gone, False)],
)
def test_a_start_tells_its_own_files_from_changed_ones(
    tmp_path: Path, change: Callable[[Path], None], is_foreign: bool
) -> None:
    with Serving(tmp_path) as owner:
        wait_for(lambda: all(each["published"] for each in owner.status()["files"].values()), owner.log)
    probe = tmp_path / "logs" / "state" / "v6_runtime_probe.json"
    change(probe)
    if is_foreign:
        before = probe.read_bytes()
        assert "v6_runtime_probe.json: expected" in refused("--home", tmp_path, "serve")
        assert probe.read_bytes() == before
        with Serving(tmp_path, "--take-over") as owner:
            wait_for(lambda: probe.read_bytes() != before, owner.log)
        (kept,) = (tmp_path / "logs" / "taken-over").iterdir()
        assert kept.read_bytes() == before
    with Serving(tmp_path) as owner:
        wait_for(lambda: owner.status()["files"][probe.name]["published"], owner.log)


@pytest.mark.thorough
def test_an_old_runtime_that_starts_again_is_left_what_it_writes_and_that_is_said(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    with Serving(tmp_path) as owner:
        assert tape("--home", tmp_path, "load", "--seconds", "1").code == 0
        orders = logs / "execution" / "orders_executed.jsonl"
        wait_for(lambda: orders.exists() and owner.status()["files"]["nav.json"]["published"], owner.log)
        theirs = b'{"nav": 5}'
        (logs / "state" / "nav.json").write_bytes(theirs)
        with orders.open("a") as log:
            log.write(OLD_LINE)
        lines = orders.read_bytes()
        assert tape("--home", tmp_path, "load", "--seconds", "1", "--seed", "2").code == 0
        wait_for(lambda: owner.status()["files"]["nav.json"]["error"], owner.log)
        wait_for(lambda: owner.status()["mirrors"]["execution/orders_executed.jsonl"], owner.log)
        status = tape("--home", tmp_path, "status")
        assert status.code == 1
        assert "nav.json: expected what Tape wrote there last" in " ".join(status.out.split())
        assert "orders_executed.jsonl: expected what Tape wrote there last" in " ".join(status.out.split())
        doctor = " ".join(tape("--home", tmp_path, "doctor").out.split())
        assert "another program" in doctor
        assert owner.status()["files"]["positions.json"]["error"] is None
        time.sleep(1)
        assert (logs / "state" / "nav.json").read_bytes() == theirs
        assert orders.read_bytes() == lines
        assert "Traceback" not in owner.log
        assert owner.end() == 0
    assert "nav.json: expected" in refused("--home", tmp_path, "serve")
    with Serving(tmp_path, "--take-over") as owner:
        wait_for(lambda: (logs / "state" / "nav.json").read_bytes() != theirs, owner.log)
        wait_for(lambda: len(orders.read_bytes()) > len(lines), owner.log)
        assert orders.read_bytes().startswith(lines)


@pytest.mark.rows(1)
@pytest.mark.parametrize("words", [(), ("--jsonl",)])
def test_an_export_replaces_what_it_wrote_and_nothing_else(tmp_path: Path, words: tuple[str, ...]) -> None:
    home, out = tmp_path / "home", tmp_path / "out"
    name = "router_health.jsonl" if words else "synced_state.json"
    at: tuple[str | Path, ...] = ("export", *words, "--out", out, "--as-of")
    for instant in ("2025-01-01", "2025-01-02"):
        assert tape("--home", home, *at, instant).code == 0
    write_files(out, {name: "theirs\n"})
    before = content(out)
    assert f"{out}/{name}: expected" in refused("--home", home, *at, "2025-01-03")
    assert content(out) == before
    assert tape("--home", home, *at, "2025-01-03", "--take-over").code == 0
    assert [path.read_text() for path in (home / "logs" / "taken-over").iterdir()] == ["theirs\n"]
    assert (out / name).read_text() != "theirs\n"
    with Serving(home):
        assert tape("--home", home, *at, "2025-01-04").code == 0
        write_files(out, {name: "theirs again\n"})
        assert f"{out}/{name}: expected" in refused("--home", home, *at, "2025-01-05")
        assert tape("--home", home, *at, "2025-01-05", "--take-over").code == 0
    assert len(list((home / "logs" / "taken-over").iterdir())) == 2


@pytest.mark.thorough
def test_a_publication_made_again_replaces_no_file_of_others(tmp_path: Path) -> None:
    home, out = tmp_path / "home", tmp_path / "out"
    with Serving(home) as owner:
        wait_for(lambda: owner.status()["files"]["nav.json"]["published"], owner.log)
        wait_for(lambda: owner.value("select count(*) from exports where file = 'nav.json'"), owner.log)
        number = owner.value("select min(export_id) from exports where file = 'nav.json'")
        write_files(out, {"nav.json": "theirs"})
        assert "nav.json: expected" in refused("--home", home, "export", "--as-published", str(number), "--out", out)
    assert "nav.json: expected" in refused("--home", home, "export", "--as-published", str(number), "--out", out)
    assert (out / "nav.json").read_text() == "theirs"


@pytest.mark.thorough
def test_archives_of_others_are_neither_compressed_nor_read_as_own(tmp_path: Path) -> None:
    archive = tmp_path / "logs" / "execution" / "archive"
    mine = {"orders_executed.jsonl.1": OLD_LINE, "orders_executed.jsonl.20251104": OLD_LINE}
    own = "orders_executed.jsonl.20250101T000000.000000.0"
    write_files(archive, {**mine, own: ""})
    for path in archive.iterdir():
        os.utime(path, (time.time() - 10 * 86400,) * 2)
    with Serving(tmp_path) as owner:
        wait_for(lambda: (archive / f"{own}.gz").exists(), owner.log)
    assert {path.name: path.read_text() for path in archive.iterdir() if path.suffix != ".gz"} == mine


@pytest.mark.rows(1)
@pytest.mark.parametrize(
    ("name", "command"),
    [("tape.pid", "serve"), ("tape.sock", "serve"), ("tape-executor.pid", "run"), ("cache/sync_status.json", "sync")],
)
def test_a_lock_or_status_file_of_somebody_else_is_not_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, command: str
) -> None:
    monkeypatch.setenv("FIRESTORE_ENABLED", "1")
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", "localhost:1")
    monkeypatch.setenv("ENV", "dev")
    write_files(tmp_path, {f"logs/{name}": "mine, since monday"})
    assert name.rpartition("/")[2] in refused("--home", tmp_path, command)
    assert (tmp_path / "logs" / name).read_text() == "mine, since monday"


def test_a_folder_of_somebody_else_is_not_emptied_by_a_rebuild(tmp_path: Path) -> None:
    with Serving(tmp_path) as owner:
        assert tape("--home", tmp_path, "load", "--seconds", "1").code == 0
        assert owner.end() == 0
    mine = tmp_path / "logs" / "rebuilding" / "notes.txt"
    write_files(tmp_path, {"logs/rebuilding/notes.txt": "mine"})
    assert "rebuilding" in refused("--home", tmp_path, "rebuild")
    assert mine.read_text() == "mine"


@pytest.mark.thorough
def test_the_time_is_utc_in_the_name_of_what_is_kept(tmp_path: Path) -> None:
    home = write_files(tmp_path / "home", {"logs/state/nav.json": "theirs"})
    assert tape("--home", home, "export", "nav", "--take-over").code == 0
    (kept,) = (home / "logs" / "taken-over").iterdir()
    stamp = datetime.strptime(kept.name.rpartition(".")[2], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
    assert abs((datetime.now(UTC) - stamp).total_seconds()) < 120
