"""Lines of old logs, as tests write them: one good line per shape, changed field by field."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb

from tape.store.database import open_database
from tape.store.legacy.importer import ImportReport, import_logs
from tape.store.schema import EVENT_TABLES

Line = dict[str, Any]

NOW = datetime(2025, 12, 1, tzinfo=UTC)
ATTEMPTED, EXECUTED = "execution/orders_attempted.jsonl", "execution/orders_executed.jsonl"
METRICS, VETOES = "execution/order_metrics.jsonl", "execution/risk_vetoes.jsonl"
POSITIONS, HEARTBEATS = "execution/position_state.jsonl", "execution/sync_heartbeats.jsonl"
NAV, SHADOW, HEALTH = "nav.jsonl", "pipeline_v6_shadow.jsonl", "router_health.jsonl"

ACK: Line = {
    "event_type": "order_ack",
    "symbol": "BTCUSDT",
    "side": "BUY",
    "ts_ack": "2025-11-01T10:00:00.25+00:00",
    "orderId": 8389765988001940435,
    "clientOrderId": "c1",
    "request_qty": 0.5,
    "order_type": "MARKET",
    "status": "NEW",
    "ts": "2025-11-01T10:00:00.5+00:00",
}
EXECUTED_ACK: Line = {
    "event_type": "order_executed",
    "ts": "2025-11-01T10:00:00.6+00:00",
    "symbol": "BTCUSDT",
    "client_order_id": "c1",
    "price": "0.00",
    "qty": "0.500",
    "reduce_only": None,
    "exchange": "binance",
}
OLD_ACK: Line = {
    "event_type": "order_ack",
    "ts": "2025-10-18T19:31:42Z",
    "order_id": 77,
    "price": 0.0,
    "qty": 0.0,
    "raw": {
        "orderId": 77,
        "symbol": "ethusdt",
        "status": "NEW",
        "clientOrderId": "HaU1",
        "avgPrice": "0.00",
        "origQty": "0.006",
        "type": "MARKET",
        "reduceOnly": False,
        "side": "SELL",
        "positionSide": "SHORT",
        "updateTime": 1760815902579,
    },
    "request_id": "HaU1",
    "latency_ms": 244.25,
}
FILL: Line = {
    "event_type": "order_fill",
    "symbol": "BTCUSDT",
    "side": "BUY",
    "ts_fill_first": "2025-11-01T10:00:01Z",
    "ts_fill_last": "2025-11-01T10:00:02Z",
    "orderId": 8389765988001940435,
    "clientOrderId": "c1",
    "executedQty": "0.5",
    "avgPrice": "110000.5",
    "fee_total": "0.01",
    "feeAsset": "USDT",
    "tradeIds": ["1", 2],
    "status": "FILLED",
    "ts": "2025-11-01T10:00:03Z",
}
CLOSE: Line = {
    "event_type": "order_close",
    "symbol": "BTCUSDT",
    "ts_close": "2025-11-01T11:00:00Z",
    "orderId": "9",
    "clientOrderId": "c2",
    "realizedPnlUsd": 0,
    "fees_total": "0.02",
    "position_size_before": 0.5,
    "position_size_after": 0,
    "ts": "2025-11-01T11:00:01Z",
}
ERROR: Line = {
    "event_type": "order_error",
    "symbol": "BTCUSDT",
    "ts": "2025-11-01T12:00:00Z",
    "exc": "HTTPError('502')",
    "payload": {"side": "BUY"},
}
METRIC: Line = {
    "attempt_id": "sig_1",
    "intent_id": "ord_1",
    "venue": "binance_futures",
    "route": "market",
    "symbol": "BTCUSDT",
    "side": "BUY",
    "ts": 1762000000.25,
    "prices": {"mark": 110000.0, "submitted": "110001", "avg_fill": 110002.5},
    "qty": {"contracts": 0.5, "notional_usd": 55001.25},
    "timing_ms": {"decision": None, "submit": 1.5, "ack": 90.0, "fill": 0.0},
    "result": {"status": "FILLED", "retries": 1, "cancelled": False},
    "fees_usd": 0.01,
    "slippage_bps": 0.2,
    "maker_start": True,
    "is_maker_final": False,
    "used_fallback": True,
    "policy": {"maker_first": True, "taker_bias": "balanced", "quality": "ok", "reason": "r", "offset_bps": 2.0},
}
VETO: Line = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "veto_reason": "min_notional",
    "veto_detail": {"intent": {"attempt_id": "sig_2", "intent_id": "ord_2"}, "thresholds": {"min_notional": 100}},
    "ts": "2025-11-01T10:00:00Z",
    "event_type": "risk_veto",
}
ATTEMPT: Line = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "attempt_id": "sig_1",
    "intent_id": "ord_1",
    "qty": 0.5,
    "price_hint": 110000.0,
    "ts": "2025-11-01T09:59:59Z",
    "event_type": "order_attempt",
    "pid": 42,
    "hostname": "vps",
    "run_id": "r1",
}
POSITION: Line = {
    "symbol": "BTCUSDT",
    "pos_qty": "-0.5",
    "entry_px": 110000.0,
    "unrealized_pnl": None,
    "leverage": 3,
    "mode": "SHORT",
    "ts": "2025-11-01T10:00:00Z",
}
HEARTBEAT: Line = {"service": "executor_live", "lag_secs": 1.5, "queue_depth": 0, "ts": "2025-11-01T10:00:00Z"}
DECISION: Line = {
    "symbol": "BTCUSDT",
    "attempt_id": "sig_1",
    "intent": {"symbol": "BTCUSDT", "side": "BUY", "qty": 0.5, "price": 110000.0},
    "risk_decision": {"allowed": True, "clamped_qty": 0.5, "reasons": [], "hit_caps": []},
    "heartbeat": False,
    "timestamp": 1762000000.5,
}
NAV_POINT: Line = {"t": 1762000000.5, "nav": "2564.5"}
HEALTH_LINE: Line = {"ts": 1762000000.5, "symbols": [{"symbol": "BTCUSDT", "maker_fill_rate": 0.5}]}

EVERY_LOG: dict[str, list[Line]] = {
    ATTEMPTED: [ATTEMPT],
    EXECUTED: [ACK, EXECUTED_ACK, OLD_ACK, FILL, CLOSE, ERROR],
    METRICS: [METRIC],
    VETOES: [VETO],
    POSITIONS: [POSITION],
    HEARTBEATS: [HEARTBEAT],
    NAV: [NAV_POINT],
    SHADOW: [DECISION],
    HEALTH: [HEALTH_LINE],
}


def text(*lines: Line | str) -> str:
    """Lines as a log holds them; text is taken as it is."""
    return "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)


def without(line: Line, key: str) -> Line:
    """The line without one key."""
    return {name: value for name, value in line.items() if name != key}


def write_files(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    """Writes files below a folder; returns the folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


class LogStore:
    """A store of its own, and a folder of logs to import into it."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
        self.connection = connection
        self.folder = folder

    def load(self, files: Mapping[str, str | bytes] | None = None, *, now: datetime = NOW) -> ImportReport:
        """Writes files, if any are given, and imports the folder."""
        self.folder.mkdir(exist_ok=True)
        write_files(self.folder, files or {})
        return import_logs(self.connection, self.folder, now=now)

    def lines(self, log: str, *lines: Line | str) -> ImportReport:
        """Writes one log of these lines and imports it."""
        return self.load({log: text(*lines)})

    def column(self, name: str, table: str) -> list[Any]:
        """One column of a table in the order its rows were stored."""
        order = "ingest_seq" if table != "rejected_events" else "source, line"
        return [
            value for (value,) in self.connection.execute(f"select {name} from {table} order by {order}").fetchall()
        ]

    def row(self, table: str) -> dict[str, Any]:
        """The only row of a table."""
        rows = self._dicts(f"from {table}")
        assert len(rows) == 1, rows
        return rows[0]

    def reasons(self) -> list[str]:
        """Why lines were refused, in their order."""
        return [str(reason) for reason in self.column("reason", "rejected_events")]

    def contents(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of every table but for the number it was stored under."""
        kept = {
            name: self.connection.execute(f"select * exclude (ingest_seq) from {name} order by all").fetchall()
            for name in EVENT_TABLES
        }
        kept["rejected_events"] = self.connection.execute("from rejected_events order by all").fetchall()
        return kept

    def _dicts(self, query: str) -> list[dict[str, Any]]:
        result = self.connection.execute(query)
        names = [column[0] for column in result.description or ()]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


@contextmanager
def fresh_store(empty_database: Path) -> Iterator[LogStore]:
    """An empty store and an empty folder of logs, gone at the end of the block."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "tape.duckdb"
        shutil.copy(empty_database, path)
        connection = open_database(path)
        try:
            yield LogStore(connection, Path(folder) / "old")
        finally:
            connection.close()
