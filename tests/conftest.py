"""What tests share: a migrated database made once and copied, and a writer of given rows."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tape.store.database import open_database, set_clocks
from tape.store.schema import EVENT_TABLES
from tests import templates
from tests.divided import LEFT, mark_tests

AS_OF = datetime(2025, 6, 15, 12, 30, tzinfo=UTC)
SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
"""Real logs for tests that can use them; they are not part of the project."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    mark_tests(items)


def pytest_deselected(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("thorough") or item.get_closest_marker("slow"):
            item.config.stash[LEFT] = item.config.stash.get(LEFT, 0) + 1


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["left"] = session.config.stash.get(LEFT, 0)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Every worker of xdist has collected the same tests and left out the same."""
    node.config.stash[LEFT] = getattr(node, "workeroutput", {}).get("left", 0)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if "not thorough" in config.option.markexpr:
        terminalreporter.write_line(f"left to `make check` and `make check-slow`: {config.stash.get(LEFT, 0)} tests")


def pytest_addoption(parser: pytest.Parser) -> None:
    faults = parser.getgroup("faults", "tests of tests/faults")
    faults.addoption("--long", action="store_true", help="try every fault as often as `make soak` does")
    faults.addoption("--seed", type=int, help="of the faults' chance: replays what a failed test printed")


def ago(**before: float) -> datetime:
    """The instant that lies ``timedelta(**before)`` before AS_OF."""
    return AS_OF - timedelta(**before)


class GivenRows:
    """A store holding exactly the rows a test gives it; views are read as of AS_OF."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection
        self._seq = 0
        connection.execute("delete from ingest_counter")
        connection.execute("insert into ingest_counter values (1000000)")

    def add(self, table: str, ts: datetime | None = None, **columns: Any) -> str:
        """Stores one row; columns that are not given are null, but a fill is of one unit. Returns its ``event_id``."""
        self._seq += 1
        if table == "order_fills":
            columns.setdefault("executed_qty", 1.0)
        row = {
            "event_id": f"e{self._seq}",
            "ts": ts or ago(minutes=1),
            "received_ts": ts or ago(minutes=1),
            "ingest_seq": self._seq,
            "is_test": False,
            **columns,
        }
        values = [json.dumps(value) if isinstance(value, (dict, list)) else value for value in row.values()]
        unknown = row.keys() - set(EVENT_TABLES[table].columns.keys())
        assert not unknown, f"{table} has no column {unknown}"
        names = ", ".join(row)
        marks = ", ".join("?" for _ in row)
        self.connection.execute(f"insert into {table} ({names}) values ({marks})", values)
        return str(row["event_id"])

    def limits(self, **payload: Any) -> None:
        """The limits in force, in the shape of risk_limits.json."""
        self.add("config_snapshots", ts=datetime.fromtimestamp(0, UTC), kind="limits", payload=payload)

    def universe(self, *entries: str | dict[str, Any]) -> None:
        """The universe in force; a name alone is an enabled symbol without caps."""
        listed = [{"symbol": entry} if isinstance(entry, str) else entry for entry in entries]
        self.add("config_snapshots", ts=datetime.fromtimestamp(0, UTC), kind="universe", payload={"universe": listed})

    def close(self, symbol: str, pnl: float, ts: datetime | None = None, **columns: Any) -> str:
        """A closed trade of one unit; ``order_id`` defaults to one of its own."""
        given = {"fees_usd": 0.0, "position_size_before": 1.0, "position_size_after": 0.0, **columns}
        given.setdefault("order_id", f"o{self._seq + 1}")
        return self.add("order_closes", ts, symbol=symbol, realized_pnl_usd=pnl, **given)

    def rows(self, query: str, as_of: datetime = AS_OF, known_seq: int | None = None) -> list[dict[str, Any]]:
        """The rows of a view (by name) or of a ``select``, as of an instant."""
        set_clocks(self.connection, as_of=as_of, known_seq=known_seq)
        result = self.connection.execute(query if " " in query else f"from {query}")
        names = [column[0] for column in result.description or ()]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]

    def one(self, query: str, as_of: datetime = AS_OF) -> dict[str, Any]:
        """The only row of a view or ``select``."""
        rows = self.rows(query, as_of)
        assert len(rows) == 1, rows
        return rows[0]

    def value(self, expression: str) -> Any:
        """The value of one SQL expression."""
        return self.rows(f"select {expression} as value")[0]["value"]


@pytest.fixture(scope="session", autouse=True)
def _templates(tmp_path_factory: pytest.TempPathFactory) -> None:
    templates.keep_in(tmp_path_factory)


@pytest.fixture(scope="session")
def empty_database() -> Path:
    """A migrated database without rows; copy it, do not open it."""
    return templates.empty_database()


@pytest.fixture
def database(empty_database: Path, tmp_path: Path) -> Path:
    """The path of a migrated database of the test's own."""
    path = tmp_path / "logs" / "tape.duckdb"
    path.parent.mkdir()
    shutil.copy(empty_database, path)
    return path


@pytest.fixture
def store(database: Path) -> Iterator[GivenRows]:
    """An open, empty store."""
    connection = open_database(database)
    yield GivenRows(connection)
    connection.close()


@pytest.fixture(scope="session")
def real_logs() -> Path:
    """The folder of a real runtime's logs, where there is one."""
    folder = SHARED / "real_logs"
    if not folder.is_dir():
        pytest.skip(f"needs a real runtime's logs in {folder}")
    return folder
