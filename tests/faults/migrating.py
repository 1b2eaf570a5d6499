"""A process that migrates databases in children of its own, which are killed at a statement.

Forking costs a fraction of what a start of Python costs: nothing here opens a database before it forks.

``python -m tests.faults.migrating`` takes jobs, one JSON array ``[function, arguments ..]`` a line, and answers
each with ``[signal, result]``: what killed its child, else 0, and what the function returned.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import alembic.command
import duckdb
import duckdb_sqlalchemy  # noqa: F401 (imported before it forks)

from tape.store.alembic_run import run_alembic
from tape.store.database import STORAGE_VERSION, closing, migrate, open_database
from tape.store.revisions import revision
from tests.programs import PROJECT

OLD_VIEWS = {
    "seen_ticks": "create view seen_ticks as from ticks",
    "as_of": "create macro as_of() as now()",
    "latest_of": "create macro latest_of(number) as table select * from ticks limit number",
    "nav_now": "create view nav_now as select max(equity_usd) as equity_usd from seen_ticks",
}
"""What the program of an older revision had applied: two are there to this day, as something else."""


def make(path: str) -> None:
    """A database at the first revision, with rows."""
    with _opened(path) as opened:
        run_alembic(opened, "0001")
        given = "'e' || n, timestamptz '2025-06-15 12:00:00Z' + interval (7 * n) second"
        for number, (table, columns, values) in enumerate(
            [("ticks", "equity_usd", "1000 + n % 17"), ("marks", "symbol, mark_price", "'S' || n % 3, 1 + n % 5")]
        ):
            opened.execute(
                f"insert into {table} (event_id, ts, {columns}, is_test, received_ts, ingest_seq)"
                f" select {given}, {values}, n % 50 = 0, now(), n + {300 * number} from range(1, 301) as numbers (n)"
            )
        opened.execute("update ingest_counter set last_ingest_seq = 600")


def upgrade(path: str, to: str) -> None:
    """Brings it to a revision, without its views."""
    with _opened(path) as opened:
        run_alembic(opened, to)


def apply_old_views(path: str) -> None:
    """What the program of its time would have applied."""
    with _opened(path) as opened:
        for name, statement in OLD_VIEWS.items():
            opened.execute(statement)
            opened.execute("insert into applied_sql values (?, 'of its time')", [name])


def _opened(path: str) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
    return closing(duckdb.connect(path, config={"storage_compatibility_version": STORAGE_VERSION}))


def migrated(path: str, at: int | None, when: str, delay_s: float) -> list[str]:
    """Migrates, and is killed ``before``, ``during`` or ``after`` the statement of that number; else all statements."""
    statements: list[str] = []

    @contextmanager
    def watched(statement: str) -> Iterator[None]:
        statements.append(statement)
        is_last = len(statements) - 1 == at
        if is_last and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        if is_last and when == "during":
            threading.Thread(target=_die_after, args=(delay_s,), daemon=True).start()
        try:
            yield
        finally:
            if is_last:
                os.kill(os.getpid(), signal.SIGKILL)

    for name in ("execute", "begin", "commit", "rollback"):
        _watch(name, getattr(duckdb.DuckDBPyConnection, name), watched)
    migrate(Path(path))
    return statements


def _watch(name: str, call: Callable[..., Any], watched: Callable[[str], Any]) -> None:
    def watching(self: duckdb.DuckDBPyConnection, *words: Any, **more: Any) -> Any:
        with watched(str(words[0]).strip().partition("\n")[0] if words else name):
            return call(self, *words, **more)

    setattr(duckdb.DuckDBPyConnection, name, watching)


def _die_after(delay_s: float) -> None:
    time.sleep(delay_s)
    os.kill(os.getpid(), signal.SIGKILL)


def look(path: str) -> dict[str, Any]:
    """What a database holds, whatever its revision, opened as it is."""
    with _opened(path) as opened:
        return _content(opened)


def mend(path: str) -> dict[str, Any]:
    """Migrates as every start does, and opens as the owner does; what it holds then."""
    migrate(Path(path))
    with closing(open_database(Path(path))) as opened:
        opened.execute("from nav_now").fetchall()
        return _content(opened)


def _content(opened: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    tables = [name for (name,) in opened.execute("select table_name from duckdb_tables() order by all").fetchall()]
    columns = "select table_name, column_name, data_type, is_nullable, comment from duckdb_columns()"
    views = "select view_name from duckdb_views() where not internal"
    macros = "select distinct function_name from duckdb_functions() where not internal"
    applied = opened.execute("select name from applied_sql order by all").fetchall() if "applied_sql" in tables else []
    return {
        "revision": revision(opened),
        "columns": opened.execute(f"{columns} where table_name in (from unnest(?)) order by all", [tables]).fetchall(),
        "views": opened.execute(f"from ({views} union {macros}) order by all").fetchall(),
        "applied": applied,
        "rows": {table: _rows(opened, table) for table in tables if table not in ("alembic_version", "applied_sql")},
    }


def _rows(opened: duckdb.DuckDBPyConnection, table: str) -> list[Any]:
    """Without when it was migrated: that is another time each time."""
    rows = opened.execute(f"select columns(c -> c <> 'imported_ts') from {table} order by all").fetchall()
    return [[str(value) for value in row] for row in rows]


class Migrations:
    """The process, as a test uses it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.migrating"],
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def run(self, function: str, *words: Any) -> tuple[int, Any]:
        """Runs a function in a child; the signal that killed it, and its result."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([function, *map(_plain, words)]).encode() + b"\n")
        self._process.stdin.flush()
        number, result = json.loads(self._process.stdout.readline())
        return number, result

    def done(self, function: str, *words: Any) -> Any:
        """The result of a function that is not killed."""
        number, result = self.run(function, *words)
        assert number == 0, f"{function} {words}: ended with {number}"
        return result

    def close(self) -> None:
        self._process.communicate()


def _plain(word: Any) -> Any:
    return str(word) if isinstance(word, Path) else word


def _in_a_child(function: Callable[..., Any], words: list[Any]) -> tuple[int, Any]:
    ear, mouth = os.pipe()
    if (child := os.fork()) == 0:
        with os.fdopen(mouth, "w") as out:
            json.dump(function(*words), out)
        os._exit(0)
    os.close(mouth)
    with os.fdopen(ear) as told:
        result = told.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return (-status, json.loads(result)) if status == 0 else (-status, None)


if __name__ == "__main__":
    assert alembic.command
    functions = {each.__name__: each for each in (make, upgrade, apply_old_views, migrated, look, mend)}
    for line in sys.stdin:
        name, *given = json.loads(line)
        print(json.dumps(_in_a_child(functions[name], given)), flush=True)
