"""What is acknowledged is on disk before it is: the order of writes and syncs, and calls that fail.

strace tells what owner and producers ask of the disk, and makes calls fail. From what it told, the disk is rebuilt as
a power cut may leave it.
"""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest

from tape.exporters.contract import STATE_FILES
from tape.store.journal.segments import journal_folder, read_header, read_lines, segment_paths
from tests.faults.power import PowerCut
from tests.faults.test_disk_full import NO_BACKUPS, VETOES, files_follow, mirrored, put_database
from tests.faults.tracing import Call, failing, strace, traced
from tests.faults.trader import Trader, stored
from tests.programs import PROJECT
from tests.tape.owners import Serving, wait_for

ALL = 1 << 30
HOUSEHOLD = """
import sys
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from tape.execution.events import HeartbeatSent
from tape.store.database import open_database
from tape.store.ingest.ingest import Ingest
from tape.store.journal.writer import Journal
from tape.owner.disk import Disk
from tape.owner.housekeeping import Housekeeping
from tape.settings import Settings

home = Path(sys.argv[1])
with Journal(home, "executor", run_id="r", segment_bytes=1) as journal:
    for number in range(3):
        journal.record([HeartbeatSent(ts=datetime.now(UTC), service=f"s{number}")])
settings = Settings(store={"journal_days": 0, "keep_free": "0MB"})
connection = open_database(home / "logs" / "tape.duckdb")
Ingest(connection.cursor(), home, home).run_once()
house = Housekeeping(connection, home, settings, Disk(home, settings.store), nullcontext())
house.run_once()
house.run_once()
"""
OWNER = """
import os, signal, subprocess, sys, time
from datetime import UTC, datetime
from pathlib import Path
from tape.execution.events import HeartbeatSent, IntentVetoed, Ticked
from tape.store.journal.writer import Journal
from tests.tape.owners import wait_for

home = Path(sys.argv[1])
owner = subprocess.Popen([sys.executable, "-m", "tape", "--home", home, "serve"])
with Journal(home, "trader", segment_bytes=20_000) as journal:
    for number in range(1, 301):
        now = datetime.now(UTC)
        journal.record([
            Ticked(ts=now, equity_usd=float(number)),
            HeartbeatSent(ts=now, service=f"t{number}"),
            IntentVetoed(ts=now, symbol="BTCUSDT", side="BUY", veto_reason=f"t{number}", veto_detail={"p": "x" * 500}),
        ], durable=True)
        os.write(1, b"durable %d\\n" % number)
        time.sleep(0.01 if (home / "logs" / "tape.sock").exists() else 0.05)
    last = home / "logs" / "execution" / "risk_vetoes.jsonl"
    wait_for(lambda: last.exists() and b'"t300"' in last.read_bytes(), "the owner is behind")
owner.send_signal(signal.SIGTERM)
sys.exit(owner.wait())
"""
JOURNAL = """
import os, sys
from datetime import UTC, datetime
from tape.execution.events import HeartbeatSent
from tape.store.journal.writer import Journal
from tape.store.journal.segments import JournalError

tried = lambda: int(sys.argv[2])
with Journal(sys.argv[1], "trader", segment_bytes=2_000) as journal:
    for number in range(1, tried() + 1):
        batch = [HeartbeatSent(ts=datetime.now(UTC), service=f"t{number}", padding="x" * 300)]
        try:
            if number % 3:
                seq = journal.record(batch, durable=True)
            else:
                seq = journal.record(batch)
                journal.sync()
        except JournalError as error:
            os.writev(2, [f"t{number} {error}\\n".encode()])
        else:
            os.writev(1, [b"durable t%d\\n" % number])
"""


def acknowledged(calls: Sequence[Call]) -> Iterator[tuple[int, str]]:
    """Each ``durable`` that was said: when, and of what."""
    for call in calls:
        if call.data.startswith(b"durable "):
            yield call.at, call.data.split()[-1].decode()


def services(segment: Path) -> list[str]:
    """The names in the lines of a segment, which are whole."""
    lines = list(read_lines(segment, read_header(segment).data_offset, 2, ALL))
    assert [line.fault for line in lines] == [""] * len(lines)
    return [fields["service"] for line in lines for _, fields in line.items]


def position(calls: Sequence[Call], name: str, path: str, *, after: int = -1) -> int:
    """When the first call of a name was made, behind another, that is about a path (or renames to it)."""
    found = (
        call.at
        for call in calls
        if call.at > after and call.name == name and re.search(path, f"{call.path} -> {call.to}")
    )
    at = next(found, None)
    assert at is not None, f"{name} {path}: expected behind {after}, found none"
    return at


def in_order(calls: Sequence[Call], *steps: tuple[str, str]) -> None:
    """Each step is made behind the one before."""
    at = -1
    for name, path in steps:
        at = position(calls, name, path, after=at)


def is_whole(path: Path) -> None:
    """A state file is of its shape."""
    next(file for file in STATE_FILES if file.name == path.name).model.model_validate_json(path.read_bytes())


# --- the order of what is asked of the disk ---


@pytest.mark.parametrize("made", [[], ["home", "home/logs"]], ids=["none", "logs"])
def test_nothing_is_acknowledged_as_durable_before_segment_and_folders_are_synced(
    tmp_path: Path, made: Sequence[str]
) -> None:
    """``made``: folders that are there, the last of them made just now and not synced."""
    root = tmp_path / "root"
    root.mkdir()
    for folder in made[:-1]:
        (root / folder).mkdir()
    cut = PowerCut(root, as_in=root)
    before = f"import os; os.mkdir({str(root / made[-1])!r})\n" if made else ""
    calls = traced(tmp_path / "strace", ["-c", before + JOURNAL, root / "home", "30"])
    said, told = dict(acknowledged(calls)), []
    assert len(said) == 30
    for call in calls:
        cut.apply(call)
        if call.at in said:
            told.append(said[call.at])
            with TemporaryDirectory() as left:
                cut.leave(Path(left), None)
                safe = [name for path in segment_paths(journal_folder(Path(left, "home"))) for name in services(path)]
            assert set(told) <= set(safe), f"{said[call.at]} is acknowledged and can still be lost"
    assert len(segment_paths(journal_folder(root / "home"))) > 3


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> tuple[Path, Path, list[Call]]:
    """An owner and a producer that ran traced: their home, its disk as it was before, and their calls."""
    strace()
    before, home = tmp_path_factory.mktemp("before"), tmp_path_factory.mktemp("home")
    for each in (before, home):
        put_database(each, empty_database)
        (each / "tape.toml").write_text('[backup]\nevery_h = 0\n[store]\ncheckpoint_wal = "100KB"\n')
    log = tmp_path_factory.mktemp("log") / "strace"
    return home, before, traced(log, ["-c", OWNER, home], seconds=300)


def test_a_state_file_is_synced_before_it_gets_its_name_and_its_folder_after(
    run: tuple[Path, Path, list[Call]],
) -> None:
    home, _, calls = run
    state = str(home / "logs" / "state")
    renames = [call for call in calls if call.name == "rename" and call.to.startswith(state)]
    assert {Path(call.to).name for call in renames} == {file.name for file in STATE_FILES}
    for rename in renames:
        about = [call for call in calls if call.path == rename.path and call.at < rename.at]
        synced = max(call.at for call in about if call.name == "fsync")
        written = max(call.at for call in about if call.name == "write")
        assert written < synced < rename.at
        assert not rename.path.endswith(".json"), "it is written under another name"
        position(calls, "fsync", f"^{state} ", after=rename.at)


def test_a_commit_syncs_the_log_of_the_database_before_anything_else_is_done_with_it(
    run: tuple[Path, Path, list[Call]],
) -> None:
    home, _, calls = run
    log = str(home / "logs" / "tape.duckdb.wal")
    about = [call for call in calls if call.path == log and call.name in ("write", "fsync", "unlink")]
    writes = [at for at, call in enumerate(about) if call.name == "write"]
    assert len(writes) > 20
    for at in writes:
        behind = next(call.name for call in about[at + 1 :] if call.name != "write")
        assert behind == "fsync"
    checkpoints = [call for call in about if call.name == "unlink"]
    assert checkpoints
    for each in checkpoints:
        file = [call for call in calls[: each.at] if call.path.endswith("tape.duckdb")]
        last = next(call for call in reversed(file) if call.name in ("pwrite64", "fsync"))
        assert last.name == "fsync", "what the log held is in the file before the log goes"


def test_a_log_line_is_synced_before_how_far_it_is_written_is_committed(run: tuple[Path, Path, list[Call]]) -> None:
    home, _, calls = run
    for call in calls:
        if call.name == "write" and call.path == str(home / "logs" / VETOES):
            synced = position(calls, "fsync", re.escape(call.path), after=call.at)
            between = [each for each in calls[call.at + 1 : synced] if b"mirror_watermarks" in each.data]
            assert between == []


def test_the_name_of_a_log_and_of_its_folder_are_synced_before_how_far_it_is_written_is_committed(
    run: tuple[Path, Path, list[Call]],
) -> None:
    home, _, calls = run
    log = home / "logs" / VETOES
    written = next(call.at for call in calls if call.name == "write" and call.path == str(log))
    committed = next(call.at for call in calls[written:] if b"mirror_watermarks" in call.data)
    for folder in log.parents[:2]:
        assert position(calls, "fsync", f"^{re.escape(str(folder))} ", after=written) < committed


def test_a_backup_is_synced_before_its_name_and_segments_go_last(tmp_path: Path, empty_database: Path) -> None:
    home = tmp_path / "home"
    put_database(home, empty_database)
    calls = traced(tmp_path / "strace", ["-c", HOUSEHOLD, home])
    segment, copy = r"journal/executor-r-000001\.journal", r"backup/tape-\w+\.duckdb"
    in_order(
        calls,
        ("fsync", r"logs -> $"),
        ("fsync", r"journal/\.executor-r-000001\.journal\.gz\.part"),
        ("rename", rf"{segment}\.gz$"),
        ("fsync", r"logs/journal -> $"),
        ("unlink", rf"{segment} -> $"),
        ("fsync", r"backup/\.tape-\w+\.duckdb\.part"),
        ("rename", rf"{copy}$"),
        ("fsync", r"logs/backup -> $"),
        ("fsync", r"logs -> $"),
        ("unlink", rf"{segment}\.gz -> $"),
    )
    part = [call for call in calls if re.search(r"\.part$", call.path) and "duckdb" in call.path]
    written = max(call.at for call in part if call.name in ("write", "copy_file_range", "pwrite64"))
    assert written < position(calls, "fsync", r"\.duckdb\.part", after=written)
    assert not list(journal_folder(home).iterdir()), "all is stored, and covered"


# --- power cuts ---


def test_whatever_a_power_cut_leaves_what_was_acknowledged_is_stored_once(
    run: tuple[Path, Path, list[Call]], chance: Random, times: Callable[[int, int, int], int]
) -> None:
    home, before, calls = run
    first = next(acknowledged(calls))[0]
    for number in range(times(2, 5, 150)):
        at = chance.randint(first, len(calls))
        # every other one is as unkind as may be: nothing is left that was not synced
        _cut_and_go_on(home, before, calls[:at], chance if number % 2 else None)


def _cut_and_go_on(home: Path, before: Path, calls: Sequence[Call], chance: Random | None) -> None:
    cut = PowerCut(home, as_in=before)
    for call in calls:
        cut.apply(call)
    told = [f"t{name}" for _, name in acknowledged(calls)]
    with TemporaryDirectory() as folder:
        left = Path(folder)
        cut.leave(left, chance)
        for path in (left / "logs" / "state").glob("*.json"):
            is_whole(path)
        with Serving(left) as owner:
            wait_for(lambda: owner.status()["ready"], "it is not ready")
            wait_for(lambda: set(told) <= set(mirrored(left)), f"lost: {set(told) - set(mirrored(left))}")
            assert owner.end() == 0, owner.log
        names = stored(left)
        assert set(told) <= set(names), f"lost: {set(told) - set(names)}"
        assert len(names) == len(set(names)), "stored twice"
        assert len(mirrored(left)) == len(set(mirrored(left))), "mirrored twice"


# --- calls that fail ---


@pytest.mark.rows(3)
@pytest.mark.parametrize(
    "rule",
    [
        "fdatasync:error=EIO:when=4",
        "fdatasync:error=EIO:when=4..6",
        "fsync:error=EIO:when=3",
        "write:error=EIO:when=9+4",
        "write:error=ENOSPC:when=9..14",
        "write:retval=10:when=9+3",
        "link:error=ENOSPC:when=2..3",
        "ftruncate:error=EIO:when=1+1",
    ],
)
def test_a_call_that_fails_means_no_acknowledgement_and_recording_goes_on(tmp_path: Path, rule: str) -> None:
    rules = [rule] if not rule.startswith("ftruncate") else [rule, "write:error=EIO:when=9+5"]
    words = failing(rules, ["-c", JOURNAL, tmp_path, "40"])
    done = subprocess.run(words, cwd=PROJECT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    told = [line.removeprefix("durable ") for line in done.stdout.splitlines()]
    refused = [line for line in done.stderr.splitlines() if re.match(r"t\d+ ", line)]
    assert 1 <= len(refused) < 30
    assert all("is not written: " in line or "but not synced: " in line for line in refused)
    assert sorted([*told, *(line.split()[0] for line in refused)], key=_number) == [f"t{n}" for n in range(1, 41)]
    assert "t40" in told, "it works again"
    kept = [name for path in segment_paths(journal_folder(tmp_path)) for name in services(path)]
    unsynced = [line.split()[0] for line in refused if "but not synced" in line]
    assert sorted(kept, key=_number) == sorted({*told, *unsynced}, key=_number)


def _number(name: str) -> int:
    return int(name[1:])


@contextmanager
def served_failing(home: Path, *rules: str, only: Path | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """An owner some of whose calls fail; its log is that of ``Serving``."""
    words = failing(rules, ["-m", "tape", "--home", home, "serve"], only=only)
    with (home / "serve.log").open("ab") as log:
        process = subprocess.Popen(words, cwd=PROJECT, stderr=log)
    try:
        yield process
        assert "strace" not in (home / "serve.log").read_text()
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def home(tmp_path: Path, empty_database: Path) -> Path:
    put_database(tmp_path, empty_database)
    (tmp_path / "tape.toml").write_text("[backup]\nevery_h = 0\n")
    return tmp_path


@pytest.mark.rows(1)
@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("tape.duckdb.wal", "fsync:error=EIO:when=6+1"),
        ("tape.duckdb", "fsync:error=EIO:when=3+1"),
    ],
)
def test_a_database_that_cannot_be_synced_ends_the_owner_with_one_line_and_the_next_one_heals(
    home: Path, name: str, rule: str
) -> None:
    with (home / "tape.toml").open("a") as file:
        file.write('[store]\ncheckpoint_wal = "100KB"\n')
    with Trader(home, padding=1_000) as trader:
        with served_failing(home, rule, only=home / "logs" / name) as process:
            wait_for(lambda: process.poll() is not None, "it does not end", 120)
            assert process.returncode == 1
        last = (home / "serve.log").read_text().splitlines()[-1]
        assert last.startswith("tape: ")
        assert "fsync" in last
        trader.records()
        with Serving(home) as owner:
            files_follow(trader)
            trader.stop()
            assert owner.end() == 0, owner.log
    assert trader.refusals == []
    assert stored(home) == trader.recorded


@pytest.mark.rows(1)
@pytest.mark.parametrize("rule", ["rename:error=EIO:when=20..60", "rename:error=ENOSPC:when=5+3"])
def test_a_state_file_that_cannot_get_its_name_stays_whole_is_told_and_tried_again(home: Path, rule: str) -> None:
    with served_failing(home, rule), Trader(home) as trader:
        wait_for(lambda: "cannot be published: [Errno " in (home / "serve.log").read_text(), "nothing fails", 120)
        files_follow(trader)
        state = home / "logs" / "state"
        for _ in range(50):
            for path in state.glob("*.json"):
                next(file for file in STATE_FILES if file.name == path.name).model.model_validate_json(
                    path.read_bytes()
                )
            time.sleep(0.01)
        wait_for(lambda: len(list(state.glob("*.json"))) == len(STATE_FILES), "not all are published")


def test_whatever_call_fails_nothing_acknowledged_is_lost(
    home: Path, chance: Random, times: Callable[[int, int, int], int]
) -> None:
    """Also where the owner ends of it: the next one goes on."""
    with (home / "tape.toml").open("a") as file:
        file.write('[store]\ncheckpoint_wal = "200KB"\n')
    with Trader(home, padding=500) as trader:
        for _ in range(times(1, 3, 60)):
            name = chance.choice(["fsync", "fdatasync", "rename", "write", "pwrite64", "ftruncate", "openat", "unlink"])
            error = chance.choice(["EIO", "ENOSPC"])
            rule = f"{name}:error={error}:when={chance.randint(2, 400)}+{chance.randint(1, 50)}"
            print(rule)
            with served_failing(home, rule) as process, suppress(subprocess.TimeoutExpired):
                process.wait(chance.uniform(1, 6))
        trader.stop()
        with Serving(home, **NO_BACKUPS) as owner:
            wait_for(lambda: owner.status()["ready"], "it is not ready")
            wait_for(lambda: mirrored(home)[-1:] == trader.recorded[-1:], "the log does not follow")
            assert owner.end() == 0, owner.log
    assert stored(home) == trader.recorded
    assert mirrored(home) == trader.recorded
