"""The six JSONL logs written from the store are old logs themselves: importing them again stores nothing new."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from examples.sample_logs import DEFAULT_END
from tape.execution.events import HeartbeatSent
from tape.exporters.mirrors.lines import contract_line, pair_line, summary_line, write_logs
from tape.exporters.state_files import publish
from tape.store.query.round import open_round
from tests.conftest import AS_OF, GivenRows, ago
from tests.store.old_logs import (
    ATTEMPTED,
    EVERY_LOG,
    METRIC,
    METRICS,
    NAV,
    NOW,
    POSITIONS,
    VETO,
    VETOES,
    LogStore,
    fresh_store,
    text,
)
from tests.templates import sample_home

SIX = {
    "execution/orders_executed.jsonl",
    "execution/order_metrics.jsonl",
    "execution/risk_vetoes.jsonl",
    "router_health.jsonl",
    "pipeline_v6_shadow.jsonl",
    "pipeline_v6_compare.jsonl",
}


def written(store: LogStore, folder: Path) -> dict[str, bytes]:
    with open_round(store.connection, as_of=DEFAULT_END + timedelta(days=1)) as reading:
        return {str(path.relative_to(folder)): path.read_bytes() for path in write_logs(reading, folder)}


def lines_of(content: bytes) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in content.splitlines()]


@pytest.fixture(params=["every shape", "sample"])
def stored(request: pytest.FixtureRequest, empty_database: Path, tmp_path: Path) -> Any:
    """A store with logs imported."""
    is_sample = request.param == "sample"
    with fresh_store(sample_home() / "logs" / "tape.duckdb" if is_sample else empty_database) as store:
        if is_sample:
            shutil.copytree(sample_home() / "old", store.folder)
        else:
            every = {name: text(*lines) for name, lines in EVERY_LOG.items()}
            unknown = {**METRIC, "ts": 1762000002.123456, "zz": {"a": [None, float("nan")]}, "strategy": "smoke_test"}
            store.load({**every, METRICS: text(METRIC, unknown)})
        yield store


@pytest.mark.rows(1)
def test_the_six_logs_are_written_in_the_layout_of_a_logs_folder(stored: LogStore, tmp_path: Path) -> None:
    assert written(stored, tmp_path).keys() == SIX
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()} == SIX


@pytest.mark.rows(1)
def test_the_same_instant_gives_the_same_bytes(stored: LogStore, tmp_path: Path) -> None:
    assert written(stored, tmp_path / "a") == written(stored, tmp_path / "b")


@pytest.mark.rows(1)
def test_importing_them_again_stores_nothing_new(stored: LogStore, tmp_path: Path) -> None:
    written(stored, tmp_path)
    before = stored.contents()
    stored.folder = tmp_path
    report = stored.load()
    assert report.total.stored == report.total.rejected == 0
    assert stored.contents() == before


@pytest.mark.rows(1)
def test_a_fresh_store_that_imports_them_writes_them_again_to_the_byte(
    stored: LogStore, empty_database: Path, tmp_path: Path
) -> None:
    first = written(stored, tmp_path / "first")
    names = (ATTEMPTED, NAV, POSITIONS, "pairs_universe.json", "risk_limits.json")
    beside = {name: path.read_bytes() for name in names if (path := stored.folder / name).exists()}
    with fresh_store(empty_database) as other:
        other.folder = tmp_path / "first"
        assert other.load(beside).total.rejected == 0
        second = written(other, tmp_path / "second")
    assert second == first


@pytest.mark.rows(1)
def test_the_state_files_survive_the_way_through_the_logs(
    stored: LogStore, empty_database: Path, tmp_path: Path
) -> None:
    def orders(store: LogStore, folder: Path) -> dict[str, bytes]:
        with open_round(store.connection, as_of=DEFAULT_END) as reading:
            names = ("expectancy_v6.json", "pipeline_v6_shadow_head.json")
            paths = [path for path in publish(reading, folder) if path.name in names]
            documents = {path.name: json.loads(path.read_bytes()) for path in paths}
        documents["expectancy_v6.json"].pop("metadata")
        for document in documents.values():  # no log holds the ticks and flags by which an executor is known to live
            document.pop("stale_s", None)
            document.pop("stale_inputs", None)
        return {name: orjson.dumps(document) for name, document in documents.items()}

    written(stored, tmp_path / "logs")
    with fresh_store(empty_database) as other:
        other.folder = tmp_path / "logs"
        other.load()
        assert orders(other, tmp_path / "b") == orders(stored, tmp_path / "a")


@pytest.mark.rows(1)
def test_every_line_has_its_identity(stored: LogStore, tmp_path: Path) -> None:
    for name, content in written(stored, tmp_path).items():
        ids = [line["event_id"] for line in lines_of(content)]
        assert len(set(ids)) == len(ids), name


@pytest.mark.rows(1)
def test_lines_have_the_contracts_keys_and_leave_out_what_is_unknown(stored: LogStore, tmp_path: Path) -> None:
    logs = {name: lines_of(content) for name, content in written(stored, tmp_path).items()}
    kinds: dict[str, dict[str, Any]] = {}
    for line in logs["execution/orders_executed.jsonl"]:
        kinds.setdefault(line["event_type"], line)
    assert {"symbol", "side", "ts_ack", "orderId", "clientOrderId", "request_qty", "status", "ts"} <= kinds[
        "order_ack"
    ].keys()
    assert {"ts_fill_first", "ts_fill_last", "executedQty", "avgPrice", "tradeIds"} <= kinds["order_fill"].keys()
    assert {"ts_close", "realizedPnlUsd", "fees_total", "position_size_before"} <= kinds["order_close"].keys()
    metric = logs["execution/order_metrics.jsonl"][0]
    assert metric["prices"].keys() <= {"mark", "submitted", "avg_fill"}
    assert isinstance(metric["ts"], float)
    for line in (*kinds.values(), metric):
        assert None not in line.values()


def test_what_was_unknown_comes_back(imported_metrics: LogStore, tmp_path: Path) -> None:
    line = lines_of(written(imported_metrics, tmp_path)["execution/order_metrics.jsonl"])[0]
    assert (line["zz"], line["prices"]["index"]) == ({"a": [None]}, 1.5)


@pytest.fixture
def imported_metrics(empty_database: Path) -> Any:
    """A store with one metric that has unknown keys."""
    with fresh_store(empty_database) as store:
        store.lines(METRICS, {**METRIC, "zz": {"a": [None]}, "prices": {**METRIC["prices"], "index": 1.5}})
        yield store


def test_rows_of_a_later_time_are_not_written(empty_database: Path, tmp_path: Path) -> None:
    with fresh_store(empty_database) as store:
        store.lines(VETOES, VETO, {**VETO, "ts": "2026-01-01T00:00:00Z"})
        assert len(lines_of(written(store, tmp_path)["execution/risk_vetoes.jsonl"])) == 1


def test_test_noise_stays_marked(empty_database: Path, tmp_path: Path) -> None:
    with fresh_store(empty_database) as store:
        store.lines(VETOES, {**VETO, "strategy": "smoke_test"}, VETO)
        noise, real = lines_of(written(store, tmp_path)["execution/risk_vetoes.jsonl"])
    assert noise.get("is_test") is True
    assert "is_test" not in real


def test_a_router_health_line_is_the_state_file_with_a_leading_ts(store: GivenRows, tmp_path: Path) -> None:
    store.universe("BTCUSDT")
    with open_round(store.connection, as_of=AS_OF) as reading:
        write_logs(reading, tmp_path)
        published = json.loads(publish(reading, tmp_path / "state")[3].read_bytes())
    line = lines_of((tmp_path / "router_health.jsonl").read_bytes())[0]
    assert next(iter(line)) == "ts"
    assert {key: line[key] for key in published} == published
    assert line["event_id"].startswith("computed:")


def test_the_compare_log_has_a_line_per_pair_and_one_that_sums_up(store: GivenRows, tmp_path: Path) -> None:
    store.add("order_attempts", ago(minutes=10), symbol="X", attempt_id="a", qty=2.0, price_hint=10.0)
    decision = {"risk_decision": {"allowed": True, "clamped_qty": 1.0}, "intent": {"price": 10.0, "side": "BUY"}}
    store.add(
        "shadow_decisions",
        ago(minutes=10),
        symbol="X",
        attempt_id="a",
        is_heartbeat=False,
        is_allowed=True,
        decision=decision,
    )
    with open_round(store.connection, as_of=AS_OF) as reading:
        write_logs(reading, tmp_path)
    pair, summary = lines_of((tmp_path / "pipeline_v6_compare.jsonl").read_bytes())
    assert (pair["symbol"], pair["veto_mismatch"], pair["size_pct_diff"]) == ("X", False, -50.0)
    assert (pair["live"]["attempt_id"], pair["shadow"]["allowed"]) == ("a", True)
    assert (summary["diff_count"], summary["heartbeat"], summary["summary"]["sample_size"]) == (1, False, 1)


def test_an_empty_store_writes_six_logs_without_events(store: GivenRows, tmp_path: Path) -> None:
    with open_round(store.connection, as_of=AS_OF) as reading:
        paths = write_logs(reading, tmp_path)
    events = [path for path in paths if path.name not in ("router_health.jsonl", "pipeline_v6_compare.jsonl")]
    assert [path.read_bytes() for path in events] == [b""] * 4
    (summary,) = lines_of((tmp_path / "pipeline_v6_compare.jsonl").read_bytes())
    assert (summary["diff_count"], summary["heartbeat"]) == (0, True)


@pytest.mark.rows(1)
@pytest.mark.parametrize("value", [10**25, [10**25], json.loads("[" * 300 + "]" * 300)])
def test_what_json_can_hold_can_be_written_again(imported: LogStore, tmp_path: Path, value: object) -> None:
    imported.lines(VETOES, {**VETO, "unheard_of": value, "veto_detail": {"a": value}})
    with open_round(imported.connection, as_of=NOW) as reading:
        write_logs(reading, tmp_path)
    assert (tmp_path / "execution/risk_vetoes.jsonl").read_bytes().count(b"\n") == 1


PAIR: dict[str, Any] = {
    "event_id": "d1",
    "ts": AS_OF,
    "symbol": "BTCUSDT",
    "attempt_id": "a1",
    "shadow_allowed": True,
    "shadow_notional_usd": 100.0,
    "expected_slippage_bps": 1.5,
    "live_event_id": "l1",
    "live_attempt_id": "a2",
    "live_ts": ago(seconds=7),
    "live_allowed": False,
    "live_notional_usd": 80.0,
    "realized_slippage_bps": -0.5,
    "is_veto_mismatch": True,
    "size_pct_diff": 25.0,
    "slippage_diff_bps": 2.0,
}


def test_a_pair_is_a_line_with_both_sides_apart() -> None:
    assert pair_line(PAIR) == {
        "symbol": "BTCUSDT",
        "ts": AS_OF.timestamp(),
        "shadow": {
            "event_id": "d1",
            "attempt_id": "a1",
            "allowed": True,
            "notional_usd": 100.0,
            "slippage_bps": 1.5,
        },
        "live": {
            "attempt_id": "a2",
            "ts": AS_OF.timestamp() - 7,
            "allowed": False,
            "notional_usd": 80.0,
            "slippage_bps": -0.5,
        },
        "veto_mismatch": True,
        "size_pct_diff": 25.0,
        "slippage_diff_bps": 2.0,
        "event_id": "computed:d1",
    }
    assert pair_line({**PAIR, "live_event_id": None, "live_ts": None})["live"] is None


@pytest.mark.parametrize(("count", "is_heartbeat"), [(0, True), (1, False), (2, False)])
def test_a_run_is_a_heartbeat_where_it_has_no_new_pair(count: int, is_heartbeat: bool) -> None:
    line = summary_line({"generated_ts": 5.0, "sample_size": 3}, count)
    assert line.pop("event_id").startswith("computed:")
    assert line == {
        "ts": 5.0,
        "diff_count": count,
        "heartbeat": is_heartbeat,
        "summary": {"generated_ts": 5.0, "sample_size": 3},
    }


def test_a_stored_row_is_a_line_of_the_contract_with_what_else_came_with_it() -> None:
    row = {
        **dict.fromkeys((*HeartbeatSent.model_fields, "extra")),
        "event_id": "h1",
        "ts": AS_OF,
        "received_ts": ago(seconds=-1),
        "service": "executor",
        "lag_s": 0.0,
        "is_test": True,
        "producer": "p",
        "extra": '{"lag_secs": 9, "note": "x", "event_type": "other"}',
    }
    line = contract_line(HeartbeatSent, row)
    assert line == {
        "ts": "2025-06-15T12:30:00+00:00",
        "service": "executor",
        "lag_secs": 0.0,
        "event_type": "heartbeat",
        "is_test": True,
        "note": "x",
        "event_id": "h1",
    }
    assert "is_test" not in contract_line(HeartbeatSent, {**row, "is_test": False})
