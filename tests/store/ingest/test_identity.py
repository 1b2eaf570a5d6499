"""One event is stored once, whatever way it comes in and however it is spelled; nothing that differs is dropped."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tape.execution.events import EVENTS_BY_TYPE
from tape.store.canonical_json import canonical_ids, canonical_json
from tape.store.database import closing, open_database
from tape.store.ingest.ingest import Ingest, Ingested
from tape.store.journal.writer import Journal
from tape.store.legacy.importer import import_logs

NOON = datetime(2025, 11, 1, 12, tzinfo=UTC)
CLOSE: dict[str, Any] = {
    "event_type": "order_close",
    "symbol": "BTCUSDT",
    "ts": "2025-11-01T11:00:01Z",
    "ts_close": "2025-11-01T11:00:00.000001Z",
    "orderId": 7,
    "clientOrderId": "c7",
    "realizedPnlUsd": 10,
    "fees_total": 1.0,
    "position_size_before": 1,
    "position_size_after": -0.0,
}
VETO: dict[str, Any] = {
    "symbol": "BTCUSDT",
    "ts": 1761994800.25,
    "veto_reason": "min_notional",
    "veto_detail": {"b": [1, {"y": 2, "x": "é"}], "a": 1},
}

FULL: dict[str, Any] = {
    "side": "SELL",
    "position_side": "LONG",
    "qty": "1.5",
    "request_qty": 1.5,
    "price": 100.25,
    "executedQty": 1.5,
    "avgPrice": "100.5",
    "fee_total": 0.1,
    "feeAsset": "USDT",
    "tradeIds": [1, "2"],
    "reduceOnly": True,
    "attempt_id": "a|1",
    "intent_id": "i:1",
    "strategy": "momentum",
    "status": "FILLED",
    "order_type": "LIMIT",
    "latency_ms": 12,
    "bid": 100,
    "ask": 101,
    "mark": 100.5,
    "error": "none",
    "payload": {"b": 1},
    "router_policy": {"maker_first": True},
    "prices": {"mark": 100.5, "submitted": 100.4, "avg_fill": 100.5},
}


class Home:
    """A home with a database, a journal and a folder of old logs."""

    def __init__(self, folder: Path, connection: duckdb.DuckDBPyConnection) -> None:
        self.folder, self.connection = folder, connection
        self.logs = folder / "old"
        (self.logs / "execution").mkdir(parents=True)
        (folder / "scratch").mkdir()

    def write(self, event_type: str, *payloads: dict[str, Any]) -> Ingested:
        """One run of a producer, stored."""
        with Journal(self.folder, "bot") as journal:
            for payload in payloads:
                journal.write_event(event_type, payload)
        return Ingest(self.connection, self.folder, self.folder / "scratch", now=lambda: NOON).run_once()

    def load(self, name: str, *lines: str) -> tuple[int, int, int, int]:
        """Imports a log of these lines: read, stored, known, rejected."""
        (self.logs / name).write_text("".join(f"{line}\n" for line in lines))
        total = import_logs(self.connection, self.logs, now=NOON).total
        return total.read, total.stored, total.known, total.rejected

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(query).fetchall()

    def reasons(self) -> list[str]:
        return [reason for (reason,) in self.rows("select reason from rejected_events order by all")]


@pytest.fixture
def home(database: Path) -> Iterator[Home]:
    with closing(open_database(database)) as connection:
        yield Home(database.parents[1], connection)


CLOSES = "execution/orders_executed.jsonl"


def test_an_event_of_both_writers_stands_once_whichever_comes_first(home: Home) -> None:
    home.write("order_close", CLOSE, CLOSE)
    home.write("order_close", CLOSE)
    assert home.load(CLOSES, json.dumps(CLOSE)) == (1, 0, 1, 0)
    other = {**CLOSE, "orderId": "8"}
    assert home.load(CLOSES, json.dumps(other)) == (1, 1, 0, 0)
    assert home.write("order_close", other).events == 0
    assert home.rows("select order_id, sum(realized_pnl_usd) from order_closes group by all order by 1") == [
        ("7", 10.0),
        ("8", 10.0),
    ]
    assert home.reasons() == []


@pytest.mark.parametrize(
    "line",
    [
        json.dumps({**CLOSE, "realizedPnlUsd": "1e1", "orderId": "7"}),
        json.dumps({**CLOSE, "ts_close": 1761994800.000001, "symbol": " btcusdt "}),
        json.dumps({**CLOSE, "ts_close": "2025-11-01T13:00:00.000001+02:00", "position_size_after": 0}),
        json.dumps({**CLOSE, "ts": 1, "strategy": None, "pid": 5, "hostname": "other"}),
        json.dumps(dict(reversed(CLOSE.items())), separators=(",", ":")),
    ],
)
def test_spelling_and_the_hand_that_wrote_it_are_no_part_of_an_event(home: Home, line: str) -> None:
    home.write("order_close", CLOSE)
    assert home.load(CLOSES, line) == (1, 0, 1, 0)


@pytest.mark.parametrize(
    "change",
    [
        {"orderId": "77"},
        {"realizedPnlUsd": 10.000000000000002},
        {"ts_close": "2025-11-01T11:00:00.000002Z"},
        {"strategy": "x"},
        {"symbol": "BTCUSDC"},
        {"clientOrderId": "c7|"},
    ],
)
def test_events_that_differ_in_a_field_are_two(home: Home, change: dict[str, Any]) -> None:
    home.write("order_close", CLOSE, {**CLOSE, **change})
    assert home.rows("select count(*), count(distinct event_id) from order_closes") == [(2, 2)]
    assert home.reasons() == []


def test_documents_are_the_same_however_they_are_spelled(home: Home) -> None:
    home.write("risk_veto", VETO)
    spelled = (
        '{"veto_detail":{"a":1e0,  "b":[1.0,{"x":"\\u00e9","y":2}]},"veto_reason":"min_notional",'
        '"ts":1761994800.25,"symbol":"BTCUSDT"}'
    )
    assert home.load("execution/risk_vetoes.jsonl", spelled) == (1, 0, 1, 0)
    home.write("risk_veto", {**VETO, "veto_detail": {"a": 2}})
    assert home.rows("select count(*) from vetoes") == [(2,)]


def test_two_decisions_of_one_microsecond_are_two(home: Home) -> None:
    decision = {"timestamp": 1761994800, "symbol": "BTCUSDT", "size_decision": {"gross_usd": 100}}
    home.write("shadow_decision", decision, {**decision, "size_decision": {"gross_usd": 101}}, decision)
    assert home.rows("select count(*) from shadow_decisions") == [(2,)]
    assert home.load("pipeline_v6_shadow.jsonl", json.dumps(decision)) == (1, 0, 1, 0)


def test_a_given_id_is_stored_once_and_what_else_comes_under_it_is_kept(home: Home) -> None:
    given = {**CLOSE, "event_id": "close-1"}
    home.write("order_close", given, given, {**given, "realizedPnlUsd": 11})
    home.write("order_close", given, {**given, "ts_close": "2025-11-01T12:00:00Z"})
    home.write("order_error", {"event_id": "close-1", "symbol": "X", "ts": CLOSE["ts_close"]})
    assert home.load(CLOSES, json.dumps(given), json.dumps({**given, "fees_total": 2})) == (2, 0, 1, 1)
    assert home.rows("select event_id, realized_pnl_usd from order_closes") == [("close-1", 10.0)]
    assert home.reasons() == [
        "event_id: expected the event that has it already, found another fees_total",
        "order_closes: event_id close-1: expected the event of 2025-11-01T11:00:00.000001+00:00 that has it,"
        " found one of 2025-11-01T12:00:00+00:00",
        "order_closes: event_id: expected the event that has it already, found another realizedPnlUsd",
        "order_errors: event_id close-1: expected an id of its own, found that of another type of event",
    ]


def test_what_has_no_column_is_not_dropped_with_the_second_of_two(home: Home) -> None:
    home.write("order_close", CLOSE)
    assert home.load(CLOSES, json.dumps({**CLOSE, "note": "x"})) == (1, 0, 0, 1)
    assert home.reasons() == ["event_id: expected the event that has it already, found another extra"]


def test_equal_broken_lines_are_each_kept_and_a_rotation_tells_nothing_new(home: Home) -> None:
    assert home.load(CLOSES, "{broken", json.dumps(CLOSE), "{broken") == (3, 1, 0, 2)
    assert home.rows("select line from rejected_events order by 1") == [(1,), (3,)]
    (home.logs / CLOSES).rename(home.logs / "execution/orders_executed.jsonl.1")
    assert home.load(CLOSES, "{broken") == (4, 0, 3, 1)
    assert home.load("execution/risk_vetoes.jsonl", "{broken") == (5, 0, 4, 1)
    assert import_logs(home.connection, home.logs, now=NOON).total.known == 5


def test_two_configs_with_the_same_broken_text_are_each_kept_once(home: Home) -> None:
    (home.logs / "risk_limits.json").write_text("{broken")
    (home.logs / "pairs_universe.json").write_text("{broken")
    first, again = (import_logs(home.connection, home.logs, now=NOON).total for _ in range(2))
    assert (first.rejected, first.known, again.rejected, again.known) == (2, 0, 0, 2)
    assert home.rows("select source from rejected_events order by 1") == [
        ("pairs_universe.json",),
        ("risk_limits.json",),
    ]


def test_rows_under_ids_that_an_older_version_made_are_known_by_what_they_say(home: Home) -> None:
    home.write("order_close", {**CLOSE, "event_id": "run-1", "run_id": "run"})
    assert home.load(CLOSES, json.dumps(CLOSE)) == (1, 0, 1, 0)
    veto_md5 = "0123456789abcdef0123456789abcdef"
    home.write("risk_veto", {**VETO, "event_id": veto_md5})
    home.write("risk_veto", VETO)
    assert home.rows("select event_id from vetoes") == [(veto_md5,)]


ACK: dict[str, Any] = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "ts_ack": 1761994800,
    "orderId": 7,
    "clientOrderId": "c7",
    "request_qty": 1,
    "order_type": "MARKET",
    "status": "NEW",
}


def test_an_ack_has_its_source_by_both_ways(home: Home) -> None:
    home.write("order_ack", ACK, {**ACK, "event_type": "order_executed", "orderId": 8})
    home.load(CLOSES, json.dumps({**ACK, "event_type": "order_ack", "orderId": 9}))
    assert home.rows("select order_id, source from order_acks order by 1") == [
        ("7", "order_ack"),
        ("8", "order_executed"),
        ("9", "order_ack"),
    ]


@pytest.mark.parametrize(
    ("event_type", "log", "table", "key"),
    [
        ("shadow_decision", "pipeline_v6_shadow.jsonl", "shadow_decisions", "decision"),
        ("router_health", "router_health.jsonl", "router_health_log", "payload"),
    ],
)
def test_a_line_is_kept_whole_by_both_ways_whatever_its_keys_are(
    home: Home, event_type: str, log: str, table: str, key: str
) -> None:
    lines = [{"timestamp": at, "ts": at, key: {"a": at}, "beside": 1} for at in (1761994800, 1761994801)]
    home.write(event_type, lines[0])
    home.load(log, json.dumps(lines[1]))
    kept = [json.loads(text) for (text,) in home.rows(f"select {key} from {table} order by ts")]
    assert kept == lines
    assert home.rows(f"select count(extra) from {table}") == [(0,)]


def test_events_that_came_again_are_counted(home: Home) -> None:
    assert home.write("order_close", CLOSE, CLOSE).known == 1
    again = home.write("order_close", CLOSE, {**CLOSE, "orderId": 8}, {**CLOSE, "event_id": "x"})
    assert (again.events, again.known) == (2, 1)


def test_canonical_forms() -> None:
    assert canonical_json('{"b": -0.0, "a": [1, 1.0, 1e0, "\\u0041"]}') == '{"a":[1.0,1.0,1.0,"A"],"b":0.0}'
    deep = "[" * 30 + "1" + "]" * 30
    assert canonical_json(deep) == "[" * 30 + "1.0" + "]" * 30
    assert canonical_ids('[1, "2", 3.0]') == canonical_ids('["1",2,"3"]') == "[1,2,3]"
    assert canonical_ids("[1.5, 2.0]") == '[1.5,"2"]', "a number with a part is no id that a text could be"


def test_the_hash_is_that_of_the_text_which_the_module_describes(home: Home) -> None:
    home.write("order_error", {"ts": 1761994800.25, "symbol": " btcusdt ", "side": "BUY", "qty": 2, "error": "50 | 1"})
    text = "order_error|1761994800250000|7:BTCUSDT|3:BUY|:||2.0|6:50 | 1||:||:|"
    assert home.rows("select event_id from order_errors") == [
        (hashlib.md5(text.encode(), usedforsecurity=False).hexdigest(),)
    ]
    decision = {"symbol": "BTCUSDT", "timestamp": 1761994800.25, "z": [1, -0.0], "a": {"b": "é"}}
    home.write("shadow_decision", decision)
    home.write("shadow_decision", {**decision, "z": [[[[[[[[[1]]]]]]]]]})
    texts = [
        'shadow_decision|1761994800250000|{"a":{"b":"é"},"symbol":"BTCUSDT","z":[1.0,0.0]}',
        'shadow_decision|1761994800250000|{"a":{"b":"é"},"symbol":"BTCUSDT","z":[[[[[[[[[1.0]]]]]]]]]}',
    ]
    ids = [hashlib.md5(text.encode(), usedforsecurity=False).hexdigest() for text in texts]
    assert home.rows("select event_id from shadow_decisions order by ingest_seq") == [(each,) for each in ids]


@pytest.mark.parametrize(
    ("event_type", "event_id"),
    [
        ("order_attempt", "25506f2bab7ed3e3a766d8f7548495c6"),
        ("order_ack", "b9881af8a0b54d3d0fa0e0e037f7bf93"),
        ("order_fill", "e8432ba2284ab82b08ea1d9beef3c4f5"),
        ("order_close", "ac9e9745ea10b650115dc51822602ddb"),
        ("order_error", "1da90759871fed171c5bbf4b0b817bbc"),
        ("order_metric", "79a0b864c920d7d8d475c7be9c5c6441"),
        ("risk_veto", "4fcc17304264cb8911d18fc8af6cc978"),
        ("shadow_decision", "11f75096e044b7e1471fd5f5e4dd6044"),
    ],
)
def test_the_hash_of_an_event_never_changes(home: Home, event_type: str, event_id: str) -> None:
    """It is stored: with another one, every event that is imported again would stand twice."""
    event = EVENTS_BY_TYPE[event_type]
    times = {
        "ts_ack": NOON.isoformat(),
        "ts_fill_last": NOON.isoformat(),
        "ts_fill_first": NOON.isoformat(),
        "timestamp": NOON.isoformat(),
    }
    full = {**CLOSE, **VETO, **FULL, **times, "event_type": event_type}
    if event_type == "order_metric":
        full["qty"] = {"contracts": 1.5}
    home.write(event_type, full)
    assert home.rows(f"select event_id from {event.table}") == [(event_id,)]


FILLED: dict[str, Any] = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "ts_fill_first": "2025-11-01T11:00:00Z",
    "ts_fill_last": "2025-11-01T11:00:00Z",
    "orderId": 7,
    "clientOrderId": "c7",
    "executedQty": 1,
    "avgPrice": 100,
    "fee_total": 0.1,
    "feeAsset": "USDT",
    "tradeIds": [1],
    "status": "FILLED",
}
FILLED_TEXT = "order_fill|1761994800000000|1761994800000000|7:BTCUSDT|3:BUY|1:7|2:c7|1.0|100.0|0.1|4:USDT|[1]|6:FILLED"
FILLED_TEXT += "|:||" + "|:" * 3 + "|" * 3


def test_a_field_that_was_added_later_stands_last_with_its_name_where_it_is_known(home: Home) -> None:
    added = {"maker_qty": 1, "fees_by_asset": {"USDT": 0.05, "BNB": 1e-4}}
    home.write("order_fill", FILLED, {**FILLED, "maker_qty": None, "fees_by_asset": None}, {**FILLED, **added})
    home.write("order_error", {"ts": 1761994800.25, "symbol": "X", "cancel_reason": "50 | 1"})
    texts = [
        FILLED_TEXT,
        f'{FILLED_TEXT}|maker_qty|1.0|fees_by_asset|{{"BNB":0.0001,"USDT":0.05}}',
        "order_error|1761994800250000|1:X|:|:|||:||:||:||cancel_reason|6:50 | 1",
    ]
    ids = [hashlib.md5(text.encode(), usedforsecurity=False).hexdigest() for text in texts]
    found = home.rows("select event_id from order_fills union all select event_id from order_errors")
    assert [each for (each,) in found] == ids
    spelled = {**FILLED, "maker_qty": "1.0", "fees_by_asset": {"BNB": 0.0001, "USDT": 5e-2}}
    assert home.load(CLOSES, json.dumps({**spelled, "event_type": "order_fill"})) == (1, 0, 1, 0)
