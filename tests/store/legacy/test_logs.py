"""Every shape that the old logs came in, and where their parts lie."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tape.store.ingest.counter import FileCount
from tape.store.legacy.logs import LOGS, find_logs
from tests.store.old_logs import (
    ACK,
    ATTEMPT,
    ATTEMPTED,
    CLOSE,
    DECISION,
    ERROR,
    EXECUTED,
    EXECUTED_ACK,
    FILL,
    HEALTH,
    HEALTH_LINE,
    HEARTBEAT,
    HEARTBEATS,
    METRIC,
    METRICS,
    NAV,
    OLD_ACK,
    POSITION,
    POSITIONS,
    SHADOW,
    VETO,
    VETOES,
    LogStore,
    text,
    without,
    write_files,
)


def test_an_ack(imported: LogStore) -> None:
    imported.lines(EXECUTED, {**ACK, "price": "0.00", "positionSide": "LONG", "latency_ms": 7.5, "attempt_id": "sig_1"})
    row = imported.row("order_acks")
    assert row["ts"] == datetime(2025, 11, 1, 10, 0, 0, 250000, UTC)
    assert row["received_ts"] == datetime(2025, 11, 1, 10, 0, 0, 500000, UTC)
    assert (row["order_id"], row["client_order_id"], row["price"]) == ("8389765988001940435", "c1", 0.0)
    assert (row["position_side"], row["latency_ms"], row["attempt_id"]) == ("LONG", 7.5, "sig_1")
    assert (row["source"], row["extra"]) == ("order_ack", None)


def test_an_old_ack_takes_its_fields_from_raw(imported: LogStore) -> None:
    imported.lines(EXECUTED, OLD_ACK)
    row = imported.row("order_acks")
    assert (row["symbol"], row["side"], row["order_type"], row["status"]) == ("ETHUSDT", "SELL", "MARKET", "NEW")
    assert (row["order_id"], row["client_order_id"], row["request_qty"]) == ("77", "HaU1", 0.006)
    assert (row["position_side"], row["reduce_only"], row["latency_ms"]) == ("SHORT", False, 244.25)
    assert row["ts"] == row["received_ts"] == datetime(2025, 10, 18, 19, 31, 42, tzinfo=UTC)
    assert json.loads(row["extra"])["raw"] == {"updateTime": 1760815902579}


def test_an_old_ack_that_lacks_a_required_field_in_raw_is_refused(imported: LogStore) -> None:
    imported.lines(EXECUTED, {**OLD_ACK, "raw": without(OLD_ACK["raw"], "type")})
    assert imported.reasons() == ["raw.type: expected text, found nothing"]


def test_an_order_executed_row_is_an_ack_of_its_own(imported: LogStore) -> None:
    imported.lines(EXECUTED, EXECUTED_ACK, {**EXECUTED_ACK, "client_order_id": 5, "status": "DRY"})
    assert imported.column("source", "order_acks") == ["order_executed"] * 2
    assert imported.column("client_order_id", "order_acks") == ["c1", "5"]
    assert imported.column("status", "order_acks") == [None, "DRY"]
    assert imported.column("price", "order_acks") == [0.0, 0.0]
    assert imported.column("request_qty", "order_acks") == [0.5, 0.5]
    assert imported.column("extra", "order_acks") == ['{"exchange":"binance"}'] * 2


def test_two_halves_of_an_ack_are_stored_as_they_came_and_merged_by_the_view(imported: LogStore) -> None:
    imported.lines(EXECUTED, ACK, EXECUTED_ACK)
    assert len(imported.column("event_id", "order_acks")) == 2
    merged = imported.connection.execute("select client_order_id, status, price from acks_merged").fetchall()
    assert merged == [("c1", "NEW", 0.0)]


@pytest.mark.parametrize(
    ("written", "flag"), [(True, True), (False, False), ("true", True), ("false", False), (None, None)]
)
def test_reduce_only_comes_as_bool_string_or_null(imported: LogStore, written: object, flag: object) -> None:
    imported.lines(EXECUTED, {**EXECUTED_ACK, "reduce_only": written})
    assert imported.column("reduce_only", "order_acks") == [flag]


def test_a_fill_with_numeric_strings(imported: LogStore) -> None:
    imported.lines(EXECUTED, FILL)
    row = imported.row("order_fills")
    assert (row["executed_qty"], row["avg_price"], row["fee_total"]) == (0.5, 110000.5, 0.01)
    assert json.loads(row["trade_ids"]) == ["1", 2]
    assert row["ts_fill_first"] < row["ts"] < row["received_ts"]


def test_a_close_with_a_true_zero_is_a_trade(imported: LogStore) -> None:
    imported.lines(EXECUTED, CLOSE)
    row = imported.row("order_closes")
    assert (row["realized_pnl_usd"], row["fees_usd"], row["closed_qty"]) == (0.0, 0.02, None)


def test_an_order_error(imported: LogStore) -> None:
    imported.lines(EXECUTED, ERROR)
    row = imported.row("order_errors")
    assert (row["error"], row["symbol"], json.loads(row["payload"])) == ("HTTPError('502')", "BTCUSDT", {"side": "BUY"})


@pytest.mark.parametrize("kind", ["order_unheard_of", None, 5])
def test_an_order_event_of_no_known_kind_is_refused(imported: LogStore, kind: object) -> None:
    imported.lines(EXECUTED, {**CLOSE, "event_type": kind}, CLOSE)
    found = "nothing" if kind is None else f"'{kind}'"
    assert imported.reasons() == [
        f"event_type: expected one of order_ack, order_executed, order_fill, order_close, order_error, found {found}"
    ]
    assert len(imported.column("event_id", "order_closes")) == 1


def test_a_router_metric(imported: LogStore) -> None:
    imported.lines(METRICS, METRIC)
    row = imported.row("order_metrics")
    assert (row["mark_price"], row["submitted_price"], row["avg_fill_price"]) == (110000.0, 110001.0, 110002.5)
    assert (row["decision_ms"], row["ack_ms"], row["fill_ms"]) == (None, 90.0, 0.0)
    assert (row["status"], row["retries"], row["is_cancelled"]) == ("FILLED", 1, False)
    assert (row["maker_start"], row["is_maker_final"], row["used_fallback"]) == (True, False, True)
    assert (row["policy_maker_first"], row["policy_taker_bias"], row["policy_offset_bps"]) == (True, "balanced", 2.0)
    assert row["ts"] == row["received_ts"] == datetime.fromtimestamp(METRIC["ts"], UTC)


def test_a_position_close_row_is_marked_as_such(imported: LogStore) -> None:
    imported.lines(METRICS, METRIC, {"event": "position_close", "ts": 1762000001, "pnl_at_close_usd": "1.5"})
    assert imported.column("kind", "order_metrics") == [None, "position_close"]
    assert imported.column("pnl_at_close_usd", "order_metrics") == [None, 1.5]


def test_a_veto_takes_its_attempt_from_the_intent_in_its_detail(imported: LogStore) -> None:
    own = {**VETO, "attempt_id": "own", "intent_id": "own_i", "ts": "2025-11-01T10:00:01Z"}
    imported.lines(VETOES, VETO, own, {"symbol": "X", "veto_reason": "r", "ts": 1762000000000})
    assert imported.column("attempt_id", "vetoes") == ["sig_2", "own", None]
    assert imported.column("intent_id", "vetoes") == ["ord_2", "own_i", None]


def test_both_halves_of_a_veto_are_stored_and_merged_by_the_view(imported: LogStore) -> None:
    raw = {"symbol": "X", "veto_reason": "below_min_notional", "position_side": "LONG", "ts": 1762000000.0}
    canonical = {"symbol": "X", "veto_reason": "min_notional", "strategy": "s", "ts": 1762000000.5}
    imported.lines(VETOES, raw, canonical)
    assert len(imported.column("event_id", "vetoes")) == 2
    assert imported.connection.execute("select count(*) from veto_decisions").fetchone() == (1,)


def test_an_attempt(imported: LogStore) -> None:
    imported.lines(ATTEMPTED, {**ATTEMPT, "signal_ts": "2025-11-01T09:59:58+00:00", "nav_snapshot": {"nav_usd": 5}})
    row = imported.row("order_attempts")
    assert (row["attempt_id"], row["qty"], row["price_hint"]) == ("sig_1", 0.5, 110000.0)
    assert (row["pid"], row["hostname"], row["run_id"]) == (42, "vps", "r1")
    assert row["signal_ts"] == datetime(2025, 11, 1, 9, 59, 58, tzinfo=UTC)
    assert json.loads(row["nav_snapshot"]) == {"nav_usd": 5}


def test_a_position_snapshot_in_the_old_and_the_contracts_words(imported: LogStore) -> None:
    other = {"symbol": "X", "qty": 1, "entry_price": 2, "positionSide": "LONG", "ts": "2025-11-01T10:00:01Z"}
    imported.lines(POSITIONS, POSITION, other)
    assert imported.column("qty", "positions") == [-0.5, 1.0]
    assert imported.column("entry_price", "positions") == [110000.0, 2.0]
    assert imported.column("side", "positions") == ["SHORT", "LONG"]
    assert imported.column("tick_id", "positions") == [None, None]


def test_a_heartbeat(imported: LogStore) -> None:
    imported.lines(HEARTBEATS, HEARTBEAT)
    row = imported.row("heartbeats")
    assert (row["service"], row["lag_s"], row["queue_depth"]) == ("executor_live", 1.5, 0.0)


def test_a_shadow_decision_is_kept_whole(imported: LogStore) -> None:
    imported.lines(SHADOW, DECISION, {"heartbeat": True, "timestamp": 1762000001})
    assert imported.column("is_allowed", "shadow_decisions") == [True, None]
    assert imported.column("is_heartbeat", "shadow_decisions") == [False, True]
    assert imported.column("symbol", "shadow_decisions") == ["BTCUSDT", None]
    assert json.loads(imported.column("decision", "shadow_decisions")[0]) == DECISION


def test_a_shadow_decision_may_name_symbol_and_attempt_in_its_intent(imported: LogStore) -> None:
    imported.lines(SHADOW, {"ts": 1762000000, "intent": {"symbol": "btc", "attempt_id": "a"}})
    row = imported.row("shadow_decisions")
    assert (row["symbol"], row["attempt_id"]) == ("BTC", "a")


def test_a_router_health_line_is_kept_whole(imported: LogStore) -> None:
    imported.lines(HEALTH, HEALTH_LINE)
    assert json.loads(imported.row("router_health_log")["payload"]) == HEALTH_LINE


def test_nav_points_in_their_words(imported: LogStore) -> None:
    imported.lines(
        NAV, {"t": 1, "nav": "1"}, {"ts": 2, "nav_usd": 2}, {"t": 3, "equity": 3}, {"t": 4, "equity": 4, "nav": 5}
    )
    assert imported.column("equity_usd", "ticks") == [1.0, 2.0, 3.0, 4.0]
    assert imported.column("nav_usd", "ticks") == [1.0, 2.0, 3.0, 5.0]


def test_a_tick_without_equity_is_stored(imported: LogStore) -> None:
    imported.lines(NAV, {"t": 1}, {"t": 2, "nav": -5}, {"t": 3, "nav": None})
    assert imported.column("equity_usd", "ticks") == [None, -5.0, None]


@pytest.mark.parametrize("log", LOGS, ids=lambda log: log.name)
def test_every_log_is_found_with_its_parts_oldest_first(tmp_path: Path, log: object) -> None:
    assert isinstance(log, type(LOGS[0]))
    at = tmp_path / log.stem
    names = ["archive/{}-2025-01.jsonl.gz", "archive/{}.20250201.jsonl", "{}.11.jsonl", "{}.2.jsonl.gz", "{}.jsonl"]
    paths = [at.parent / name.format(at.name) for name in names]
    write_files(tmp_path, {str(path.relative_to(tmp_path)): b"" for path in reversed(paths)})
    write_files(tmp_path, {str((at.parent / f"{at.name}_old.jsonl").relative_to(tmp_path)): b""})
    assert find_logs(tmp_path).logs == [(log, paths)]


def test_archives_beside_the_execution_folder_count_too(imported: LogStore) -> None:
    packed = gzip.compress(text(HEARTBEAT).encode())
    report = imported.load({"archive/sync_heartbeats-2025.jsonl.gz": packed})
    assert report.files == {"archive/sync_heartbeats-2025.jsonl.gz": FileCount(read=1, stored=1)}


def test_real_logs_are_stored_but_for_the_acks_that_name_no_symbol(imported: LogStore, real_logs: Path) -> None:
    imported.folder = real_logs
    first = imported.load()
    assert first.total.rejected == 18
    assert set(imported.reasons()) == {"symbol: expected text, found nothing"}
    expected = {"order_closes": 9, "order_fills": 86, "order_metrics": 520, "vetoes": 718, "order_attempts": 1420}
    assert {table: len(imported.column("event_id", table)) for table in expected} == expected
    assert imported.load().total.stored == 0
