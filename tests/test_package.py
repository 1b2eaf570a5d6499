"""The package as it is installed: what it brings into an environment, and that it lives beside a runtime of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tarfile
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from zipfile import ZipFile

import pytest

import tape
from tape.execution.events import EVENTS

PROJECT = Path(__file__).resolve().parents[1]
ROOMS = ("execution", "store", "exporters", "sql", "migrations")

RUNTIME = '''
"""A runtime that had a package of this name long before Tape was installed beside it."""

_REQUIRED_FIELDS = ("symbol", "side")

def write_event(event_type, payload):
    return [event_type, *sorted(payload)]
'''
RECORDS_BESIDE = """
import sys
from datetime import datetime, UTC
from execution.events import write_event
from tape import Journal, Ticked

with Journal(sys.argv[1], "executor") as journal:
    journal.record([Ticked(ts=datetime(2025, 6, 1, tzinfo=UTC), equity_usd=1000.0)])
    batch = journal.write_event("heartbeat", {"ts": "2025-06-01T00:00:01Z", "service": "executor"})
import execution, tape.execution
print(batch, write_event("order_ack", {"symbol": "X"}), execution.__file__ == tape.execution.__file__)
"""


@dataclass(frozen=True)
class Installed:
    """An environment into which nothing but the wheel was installed."""

    python: Path
    packages: Path

    def run(self, *words: str | Path, at: Path, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the environment in a folder; no variable of this test's own environment names a home."""
        cleared = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "TAPE_HOME")}
        return subprocess.run(
            [*map(str, words)],
            cwd=at,
            env={**cleared, **environment},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


def build(kind: str, source: Path, into: Path) -> Path:
    """Build a ``wheel`` or an ``sdist`` of a source folder and return its path."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(into)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    (built,) = into.iterdir()
    return built


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("wheel", PROJECT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel alone in an environment, beside the libraries that this test itself runs with."""
    folder = tmp_path_factory.mktemp("installed")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    python = folder / "bin" / "python"
    uv = Path(sysconfig.get_path("scripts")) / "uv"
    words = ["pip", "install", "--quiet", "--offline", "--no-deps", "--python", str(python), str(wheel)]
    subprocess.run([str(uv), *words], check=True, capture_output=True)
    assert {path.name for path in packages.iterdir()} == {"tape", f"tape-{version('tape')}.dist-info"}
    # the line of a .pth file adds that folder alone: the .pth files in it, Tape's own editable one, are not read
    (packages / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return Installed(python, packages)


def names_of(wheel: Path) -> list[str]:
    with ZipFile(wheel) as archive:
        return sorted(name for name in archive.namelist() if not name.endswith("/RECORD"))


def test_a_wheel_holds_the_package_and_nothing_beside_it(wheel: Path) -> None:
    names = names_of(wheel)
    assert {name.split("/")[0] for name in names} == {"tape", f"tape-{version('tape')}.dist-info"}
    for room in ROOMS:
        assert any(name.startswith(f"tape/{room}/") for name in names), room
    assert {"tape/sql/intel/symbol_scores.sql", "tape/migrations/env.py", "tape/store/journal/writer.py"} <= set(names)


def test_a_wheel_made_of_the_source_archive_is_the_same(wheel: Path, tmp_path: Path) -> None:
    archive = build("sdist", PROJECT, tmp_path / "sdist")
    with tarfile.open(archive) as opened:
        opened.extractall(tmp_path / "source", filter="data")
    (source,) = (tmp_path / "source").iterdir()
    again = build("wheel", source, tmp_path / "again")
    with ZipFile(wheel) as first, ZipFile(again) as second:
        assert names_of(wheel) == names_of(again)
        assert [first.read(name) for name in names_of(wheel)] == [second.read(name) for name in names_of(again)]


def test_it_records_beside_a_package_called_execution(installed: Installed, tmp_path: Path) -> None:
    """One process uses the runtime's own ``execution.events`` and records through Tape; the command line works too."""
    runtime, home = tmp_path / "runtime", tmp_path / "home"
    for room in ROOMS:
        (runtime / room).mkdir(parents=True)
        (runtime / room / "__init__.py").write_text("")
    (runtime / "execution" / "events.py").write_text(RUNTIME)
    beside = {"PYTHONPATH": str(runtime)}
    recorded = installed.run(installed.python, "-c", RECORDS_BESIDE, home, at=runtime, **beside)
    assert (recorded.stderr, recorded.stdout) == ("", "2 ['order_ack', 'symbol'] False\n")
    program = installed.python.with_name("tape")
    migrated = installed.run(program, "--home", home, "migrate", at=runtime, **beside)
    assert (migrated.returncode, migrated.stderr) == (0, "")
    status = installed.run(program, "--home", home, "status", "--json", at=runtime, **beside)
    assert (status.returncode, status.stderr) == (1, "")
    assert '"ready":false' in status.stdout.replace(" ", "")
    answer = installed.run(program, "--home", home, "sql", "select 1 as one", "--format", "csv", at=runtime, **beside)
    assert (answer.returncode, answer.stdout.split()) == (0, ["one", "1"])


def test_the_executor_does_not_begin_in_a_folder_that_nobody_named(installed: Installed, tmp_path: Path) -> None:
    ended = installed.run(installed.python, "-m", "tape.execution.executor_live", "--seconds", "1", at=tmp_path)
    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1
    assert "expected --home DIR or TAPE_HOME" in ended.stderr
    assert str(tmp_path) in ended.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("named", ["option", "environment"])
def test_the_executor_begins_in_the_home_that_was_named(named: str, installed: Installed, tmp_path: Path) -> None:
    home = tmp_path / "home"
    words = ["-m", "tape.execution.executor_live", "--seconds", "0.1"]
    words += ["--home", str(home)] if named == "option" else []
    environment = {"TAPE_HOME": str(home)} if named == "environment" else {}
    ended = installed.run(installed.python, *words, at=tmp_path, **environment)
    assert ended.returncode == 0, ended.stderr
    assert list((home / "logs" / "journal").glob("executor-*"))


def test_the_contract_s_command_is_known_in_a_checkout() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "execution.executor_live", "--help"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "Run the executor alone" in ended.stdout


def test_what_a_producer_needs_is_named_by_the_package_itself() -> None:
    assert {event.__name__ for event in EVENTS} < set(tape.__all__)
    for name in tape.__all__:
        assert getattr(tape, name).__name__ == name
    with pytest.raises(AttributeError, match="'tape' has no attribute 'Jornal'"):
        _ = tape.Jornal


@pytest.mark.parametrize(
    ("names", "unwanted"),
    [
        ("Journal", {"duckdb", "sqlalchemy", "alembic", "typer", "rich", "pydantic"}),
        ("Journal, EventRefused, Ticked", {"duckdb", "sqlalchemy", "alembic", "typer", "rich"}),
    ],
)
def test_a_producer_s_import_loads_no_database(names: str, unwanted: set[str]) -> None:
    """A journal alone loads no models of events either: these load when one is opened."""
    program = f"import sys; from tape import {names}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "tape.store.journal.writer" in done.stdout.split()
    assert unwanted & set(done.stdout.split()) == set()
