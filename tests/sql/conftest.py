"""How the SQL tests read heavy views: in a round, where what views have in common is computed once."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tape.exporters.contract import state_file
from tape.exporters.state_files import render
from tape.store.database import open_database, transaction
from tape.store.ingest.roll_ups import ROLL_UPS
from tape.store.query.round import open_round
from tape.store.schema import EVENT_TABLES
from tests.conftest import AS_OF, GivenRows


@pytest.fixture(scope="session")
def views(empty_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """One database for all tests of SQL; each leaves it empty."""
    path = tmp_path_factory.mktemp("views") / "tape.duckdb"
    shutil.copy(empty_database, path)
    connection = open_database(path)
    yield connection
    connection.close()


@pytest.fixture
def store(views: duckdb.DuckDBPyConnection) -> Iterator[GivenRows]:
    """An empty store with a session of its own; its rows are deleted at the end of the test."""
    cursor = views.cursor()
    yield GivenRows(cursor)
    with transaction(cursor):
        for table in (*EVENT_TABLES, *(each.table for each in ROLL_UPS)):
            cursor.execute(f"delete from {table}")
    cursor.close()


def read(store: GivenRows, view: str, as_of: datetime = AS_OF) -> list[dict[str, Any]]:
    """The rows of a view in a round of its own."""
    with open_round(store.connection, as_of=as_of) as reading:
        return reading.rows(view)


def read_one(store: GivenRows, view: str, as_of: datetime = AS_OF) -> dict[str, Any]:
    """The single row of a view in a round of its own."""
    with open_round(store.connection, as_of=as_of) as reading:
        return reading.one(view)


def by_symbol(store: GivenRows, view: str) -> dict[str, dict[str, Any]]:
    """The rows of a view in a round of its own, by symbol."""
    rows = read(store, view)
    found = {row["symbol"]: row for row in rows}
    assert len(found) == len(rows)
    return found


def document(store: GivenRows, name: str, configured: str | None = None) -> dict[str, Any]:
    """A state file as it is published."""
    with open_round(store.connection, as_of=AS_OF, configured=configured) as reading:
        found: dict[str, Any] = json.loads(render(state_file(name), reading))
    return found


def add_bars(store: GivenRows, symbol: str, prices: Sequence[float]) -> None:
    """One mark per minute in order of time, the last one at AS_OF."""
    count = len(prices)
    store.connection.execute(
        "insert into marks by name"
        " select ? || cast(i as varchar) as event_id, ? as symbol, prices[i] as mark_price, false as is_test,"
        " cast(? as timestamptz) + i * interval 1 minute as ts, ts as received_ts, 0 as ingest_seq"
        " from (select cast(? as double[]) as prices), range(1, ?) as steps (i)",
        [symbol, symbol, AS_OF - timedelta(minutes=count), list(prices), count + 1],
    )


def record_flags(store: GivenRows, ts: datetime | None = None, **flags: Any) -> None:
    """A flag snapshot, everything on but what is given."""
    columns = {
        "is_intel_on": True,
        "is_risk_engine_on": True,
        "is_pipeline_shadow_on": True,
        "is_router_autotune_on": True,
        "is_feedback_allocator_on": True,
        "is_router_autotune_apply_on": True,
        "env": "prod",
        "dry_run": "0",
        "testnet": "1",
        "engine_version": "v6.1",
        **flags,
    }
    store.add("flag_snapshots", ts, **columns)
