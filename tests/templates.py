"""Homes that are made once for all processes of a test run; a test copies what it changes."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from examples.sample_logs import DEFAULT_END, write_sample
from tape.store.database import closing, migrate, open_database
from tape.store.legacy.importer import import_logs

_FOLDER: list[Path] = []


def keep_in(factory: pytest.TempPathFactory) -> None:
    """Keep templates in the folder of this run, which all workers of xdist share."""
    own = factory.getbasetemp()
    _FOLDER[:] = [own.parent if "PYTEST_XDIST_WORKER" in os.environ else own]


def template(name: str, make: Callable[[Path], object]) -> Path:
    """Return a folder that ``make`` has filled, in whichever process asked first."""
    folder = _FOLDER[0] / f"template-{name}"
    with (_FOLDER[0] / f"template-{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            made = folder.with_suffix(".part")
            shutil.rmtree(made, ignore_errors=True)
            made.mkdir()
            make(made)
            made.rename(folder)
    return folder


def empty_database() -> Path:
    """Return a migrated database without rows; copy it, do not open it."""
    return template("empty", lambda folder: migrate(folder / "tape.duckdb")) / "tape.duckdb"


def sample_home() -> Path:
    """Return a home into which half a day of sample logs was imported, which lie in ``old``; open it read-only."""
    return template("sample", lambda folder: _import_sample(folder, 0.5))


def day_home() -> Path:
    """Return a home like ``sample_home`` of a whole day."""
    return template("day", lambda folder: _import_sample(folder, 1.0))


def _import_sample(home: Path, days: float) -> None:
    write_sample(home / "old", days=days)
    give_database(home)
    with closing(open_database(home / "logs" / "tape.duckdb")) as connection:
        import_logs(connection, home / "old", now=DEFAULT_END)


def give_database(home: Path) -> Path:
    """Give a home an empty database, and return its path: what ``tape migrate`` takes two seconds for."""
    path = home / "logs" / "tape.duckdb"
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(empty_database(), path)
    return path
