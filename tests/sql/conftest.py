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
        for table in (*EVENT_TABLES, *(each.table for each in ROLL_UPS), "price_lookups"):
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


BTC = "BTCUSDT"


class Traded:
    """Writes the records of orders; times are seconds after the first decision, an hour before AS_OF."""

    def __init__(self, store: GivenRows) -> None:
        self.store = store
        self.start = AS_OF - timedelta(hours=1)

    def at(self, seconds: float) -> datetime:
        return self.start + timedelta(seconds=seconds)

    def attempt(self, attempt_id: str = "a", seconds: float = 0.0, **columns: Any) -> str:
        given = {"symbol": BTC, "side": "BUY", "qty": 2.0, "bid_price": 99.0, "ask_price": 101.0, **columns}
        return self.store.add("order_attempts", self.at(seconds), attempt_id=attempt_id, **given)

    def ack(self, order_id: str = "1", seconds: float = 1.0, **columns: Any) -> str:
        given = {"symbol": BTC, "side": "BUY", "attempt_id": "a", "request_qty": 2.0, "status": "NEW", **columns}
        return self.store.add("order_acks", self.at(seconds), order_id=order_id, **given)

    def fill(self, order_id: str = "1", seconds: float = 2.0, **columns: Any) -> str:
        given = {
            "symbol": BTC,
            "side": "BUY",
            "attempt_id": "a",
            "executed_qty": 2.0,
            "avg_price": 100.5,
            "fee_total": 0.0,
            "fee_asset": "USDT",
            "ts_fill_first": self.at(seconds),
            "trade_ids": [f"t{order_id}-{seconds}"],
            **columns,
        }
        return self.store.add("order_fills", self.at(seconds), order_id=order_id, **given)

    def metric(self, attempt_id: str = "a", seconds: float = 3.0, **columns: Any) -> str:
        given = {"symbol": BTC, "status": "FILLED", "route": "taker", **columns}
        return self.store.add("order_metrics", self.at(seconds), attempt_id=attempt_id, **given)

    def mark(self, seconds: float, mark_price: float, symbol: str = BTC, **columns: Any) -> str:
        given = {"bid_price": mark_price - 0.5, "ask_price": mark_price + 0.5, **columns}
        return self.store.add("marks", self.at(seconds), symbol=symbol, mark_price=mark_price, **given)


@pytest.fixture
def traded(store: GivenRows) -> Traded:
    return Traded(store)
