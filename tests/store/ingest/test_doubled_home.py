"""A home in which an older version stored events twice counts each once after the upgrade."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tape.store.alembic_run import run_alembic
from tape.store.database import closing, migrate, open_database

NOON = "2025-11-01T12:00:00Z"
MD5 = "0123456789abcdef0123456789abcdef"


class OlderHome:
    """A database as it was before events were told apart: rows are stored as they are given."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True)
        self.rows: list[tuple[str, dict[str, Any]]] = []

    def add(self, table: str, event_id: str, **columns: Any) -> None:
        """Store one more row; each is numbered after the one before."""
        row = {
            "event_id": event_id,
            "ts": NOON,
            "received_ts": NOON,
            "is_test": False,
            "ingest_seq": len(self.rows) + 1,
            "run_id": "run",
            **columns,
        }
        self.rows.append((table, row))

    def close(self, event_id: str, pnl: float = 10.0, **columns: Any) -> None:
        self.add(
            "order_closes", event_id, symbol="BTCUSDT", order_id="7", realized_pnl_usd=pnl, fees_usd=1.0, **columns
        )

    def upgraded(self) -> duckdb.DuckDBPyConnection:
        with closing(duckdb.connect(self.path)) as connection:
            run_alembic(connection, "0006")
            for table, row in self.rows:
                values = [json.dumps(each) if isinstance(each, (dict, list)) else each for each in row.values()]
                marks = ", ".join("?" for _ in row)
                connection.execute(f"insert into {table} ({', '.join(row)}) values ({marks})", values)
        migrate(self.path)
        return open_database(self.path)


@pytest.fixture
def older(tmp_path: Path) -> OlderHome:
    return OlderHome(tmp_path / "logs" / "tape.duckdb")


@pytest.fixture
def rows(older: OlderHome) -> Iterator[Any]:
    """Ask the upgraded home; the home is upgraded by the first question."""
    opened: list[duckdb.DuckDBPyConnection] = []

    def ask(query: str) -> list[tuple[Any, ...]]:
        if not opened:
            opened.append(older.upgraded())
        return opened[0].execute(query).fetchall()

    yield ask
    opened[0].close()


CLOSES = "select ingest_seq, event_id, realized_pnl_usd from order_closes order by all"


def test_an_id_that_was_recorded_three_times_stands_once_and_its_pnl_counts_once(older: OlderHome, rows: Any) -> None:
    for run in ("run", "run", "after-restart"):
        older.close("close-1", run_id=run, extra={"note": "x"})
    assert rows(CLOSES) == [(1, "close-1", 10.0)]
    assert rows("from rejected_events") == []


def test_another_content_under_an_id_and_its_time_is_kept_among_the_rejected(older: OlderHome, rows: Any) -> None:
    older.close("close-1")
    older.close("close-1", pnl=11.0)
    older.close("close-1", extra={"note": "x"})
    assert rows(CLOSES) == [(1, "close-1", 10.0)]
    kept = rows("select source, line, reason, cast(raw::json->>'$.realized_pnl_usd' as double) from rejected_events")
    reason = "event_id: expected the event that has it already, found another one; stored by an older version"
    assert sorted(kept) == [("order_closes", 2, reason, 11.0), ("order_closes", 3, reason, 10.0)]


def test_an_order_event_under_two_ids_that_nobody_gave_stands_once(older: OlderHome, rows: Any) -> None:
    older.close("run-3")
    older.close("again-3", run_id="again")
    older.close(MD5, run_id=None)
    older.close("given")
    assert rows(CLOSES) == [(1, "run-3", 10.0), (4, "given", 10.0)]


@pytest.mark.rows(1)
@pytest.mark.parametrize(
    "other",
    [
        {"pnl": 10.000000000000002},
        {"ts": "2025-11-01T12:00:00.000001Z"},
        {"client_order_id": "c"},
        {"extra": {"note": "x"}},
    ],
)
def test_order_events_that_differ_stay_two(older: OlderHome, rows: Any, other: dict[str, Any]) -> None:
    older.close("run-3")
    older.close("run-4", **other)
    assert [seq for seq, *_ in rows(CLOSES)] == [1, 2]


def test_ids_with_another_time_and_states_with_another_content_stay(older: OlderHome, rows: Any) -> None:
    older.close("close-1")
    older.close("close-1", ts="2025-11-01T13:00:00Z")
    older.add("marks", "m", symbol="BTCUSDT", mark_price=1.0)
    older.add("marks", "m", symbol="ETHUSDT", mark_price=1.0)
    older.add("marks", "run-1", symbol="BTCUSDT", mark_price=2.0)
    older.add("marks", "run-2", symbol="BTCUSDT", mark_price=2.0)
    assert rows("select count(*) from order_closes union all select count(*) from marks") == [(2,), (4,)]
    assert rows("from rejected_events") == []


def test_a_tick_that_stands_twice_stands_once_in_its_minute_too(older: OlderHome, rows: Any) -> None:
    older.add("ticks", "t-1", equity_usd=5.0, nav_usd=5.0)
    older.add("ticks", "t-1", equity_usd=5.0, nav_usd=5.0)
    minute = {"minute": NOON, "ts": NOON, "ingest_seq": 2, "equity_usd": 5.0, "peak_equity_usd": 5.0}
    older.rows.append(("nav_minutes", minute))
    assert rows("select ingest_seq from ticks union all select ingest_seq from nav_minutes") == [(1,), (1,)]
