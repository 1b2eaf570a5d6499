"""Values of JSON lines become typed columns as the events would type them, or the line is refused naming the field."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tape.execution.events import OrderAcked, OrderClosed, OrderFilled, contract_key, unit_of
from tape.execution.values import EPOCH_MS_FROM
from tape.store.schema import python_type
from tests.divided import examples
from tests.store.legacy.test_importer import beat
from tests.store.old_logs import (
    ACK,
    ATTEMPT,
    ATTEMPTED,
    CLOSE,
    DECISION,
    EXECUTED,
    FILL,
    HEARTBEAT,
    HEARTBEATS,
    METRIC,
    METRICS,
    NAV,
    POSITION,
    POSITIONS,
    SHADOW,
    VETO,
    VETOES,
    Line,
    LogStore,
    fresh_store,
    text,
    without,
)

EPOCH = datetime.fromtimestamp(0, UTC)
REQUIRED: list[tuple[str, str, Line, list[str]]] = [
    (EXECUTED, "order_acks", ACK, [key for key in ACK if key not in ("event_type", "ts")]),
    (EXECUTED, "order_fills", FILL, [key for key in FILL if key not in ("event_type", "ts")]),
    (EXECUTED, "order_closes", CLOSE, [key for key in CLOSE if key not in ("event_type", "ts")]),
    (VETOES, "vetoes", VETO, ["ts", "symbol", "veto_reason"]),
    (ATTEMPTED, "order_attempts", ATTEMPT, ["ts", "symbol"]),
    (POSITIONS, "positions", POSITION, ["ts", "symbol", "pos_qty"]),
    (HEARTBEATS, "heartbeats", HEARTBEAT, ["ts", "service"]),
    (METRICS, "order_metrics", METRIC, ["ts"]),
    (SHADOW, "shadow_decisions", DECISION, ["timestamp"]),
]
WRONG: dict[type, list[Any]] = {
    float: [None, "abc", "", True, [1], {"a": 1}, "NaN"],
    datetime: [None, "yesterday", "", True, [1], {"a": 1}, "NaN", 1e300],
    str: [None, "", True, [1], {"a": 1}],
    list: [None, "abc", 5, True, {"a": 1}],
}


def _kind(table: str, key: str) -> type:
    for event in (OrderAcked, OrderFilled, OrderClosed):
        if event.table == table:
            fields = {contract_key(name, field): field for name, field in event.model_fields.items()}
            return python_type(fields[key].annotation)
    if key in ("ts", "timestamp"):
        return datetime
    return float if key == "pos_qty" else str


@pytest.mark.rows(4)
@pytest.mark.parametrize(("log", "table", "good", "keys"), REQUIRED, ids=[table for _, table, *_ in REQUIRED])
def test_a_required_field_that_is_missing_or_wrongly_typed_is_refused_by_name(
    imported: LogStore, log: str, table: str, good: Line, keys: list[str]
) -> None:
    bad = [(key, without(good, key)) for key in keys]
    bad += [(key, {**good, key: value}) for key in keys for value in WRONG[_kind(table, key)]]
    report = imported.lines(log, *(line for _, line in bad), good)
    assert report.total.rejected == len(bad), imported.reasons()
    assert len(imported.column("event_id", table)) == 1
    assert [reason.partition(":")[0] for reason in imported.reasons()] == [key for key, _ in bad]
    assert [json.loads(raw) for raw in imported.column("raw", "rejected_events")] == [line for _, line in bad]


def test_the_reason_says_what_was_expected_and_what_was_found(imported: LogStore) -> None:
    imported.lines(
        EXECUTED,
        {**CLOSE, "realizedPnlUsd": "abc"},
        without(CLOSE, "fees_total"),
        {**CLOSE, "ts_close": "yesterday"},
        {**FILL, "tradeIds": 7},
    )
    assert imported.reasons() == [
        "realizedPnlUsd: expected a number, found 'abc'",
        "fees_total: expected a number, found nothing",
        "ts_close: expected an instant, found 'yesterday'",
        "tradeIds: expected a list, found 7",
    ]


@pytest.mark.parametrize("value", ["abc", True, [1], {"a": 1}])
def test_an_optional_number_that_is_none_is_refused_by_name(imported: LogStore, value: object) -> None:
    imported.lines(EXECUTED, {**CLOSE, "closed_qty": value})
    assert imported.reasons()[0].startswith("closed_qty: expected a number, found ")


@pytest.mark.parametrize(("value", "reason"), [("maybe", "'maybe'"), (2, "2"), ([], "[]")])
def test_an_optional_flag_that_is_none_is_refused_by_name(imported: LogStore, value: object, reason: str) -> None:
    imported.lines(EXECUTED, {**CLOSE, "reduceOnly": value})
    assert imported.reasons() == [f"reduceOnly: expected true or false, found {reason}"]


@pytest.mark.parametrize(
    ("written", "number"),
    [(0, 0.0), ("0.50", 0.5), ("-1e-3", -0.001), ("NaN", None), ("-Infinity", None), ("inf", None), (None, None)],
)
def test_numeric_strings_are_numbers_and_nan_is_unknown(imported: LogStore, written: object, number: object) -> None:
    imported.lines(NAV, {"t": 1, "nav": 1, "unrealized_pnl": written})
    assert imported.column("unrealized_pnl_usd", "ticks") == [number]


@pytest.mark.rows(6)
@pytest.mark.parametrize("first", ["0", "-2.5", "true", '"x"', "null"])
@pytest.mark.parametrize(("last", "fees"), [("1", [1.0]), ('"2"', [2.0]), ("true", []), ('"x"', []), ("null", [None])])
def test_of_a_key_that_is_there_twice_the_last_value_is_typed(
    imported: LogStore, first: str, last: str, fees: list[float | None]
) -> None:
    line = json.dumps(without(METRIC, "fees_usd"))[:-1] + f', "fees_usd": {first}, "fees_usd": {last}}}'
    imported.lines(METRICS, line)
    assert imported.column("fees_usd", "order_metrics") == fees


@pytest.mark.parametrize("token", ["NaN", "Infinity", "-Infinity"])
def test_a_bare_nan_is_unknown(imported: LogStore, token: str) -> None:
    imported.lines(NAV, f'{{"t": 1, "nav": {token}}}')
    assert imported.column("nav_usd", "ticks") == [None]


@pytest.mark.parametrize(
    ("written", "flag"),
    [(True, True), (False, False), ("true", True), ("False", False), ("1", True), (0, False), (None, None)],
)
def test_flags_come_as_bool_string_number_or_null(imported: LogStore, written: object, flag: object) -> None:
    imported.lines(ATTEMPTED, {**ATTEMPT, "reduce_only": written})
    assert imported.column("reduce_only", "order_attempts") == [flag]


@pytest.mark.parametrize(
    ("written", "kept"), [(5, "5"), ("5", "5"), (-5, "-5"), (2**63 + 1, str(2**63 + 1)), ("0x1", "0x1")]
)
def test_ids_come_as_text_or_integers_and_are_text(imported: LogStore, written: object, kept: str) -> None:
    imported.lines(EXECUTED, {**CLOSE, "orderId": written, "clientOrderId": written})
    assert imported.column("order_id", "order_closes") == [kept]
    assert imported.column("client_order_id", "order_closes") == [kept]


@pytest.mark.rows(4)
@pytest.mark.parametrize(
    "written",
    [
        "2025-11-01T12:00:00Z",
        "2025-11-01T12:00:00",
        "2025-11-01 12:00:00+00:00",
        "2025-11-01T13:30:00.000000+01:30",
        1761998400,
        "1761998400",
        "1761998400.0",
        1761998400000,
        "1761998400000",
    ],
)
def test_instants_come_as_text_epoch_seconds_or_milliseconds(imported: LogStore, written: object) -> None:
    imported.lines(HEARTBEATS, {**HEARTBEAT, "ts": written})
    assert imported.column("ts", "heartbeats") == [datetime(2025, 11, 1, 12, tzinfo=UTC)]


def test_a_true_zero_is_taken_and_only_null_goes_on_to_the_next_key(imported: LogStore) -> None:
    imported.lines(NAV, {"t": 1, "equity": 0, "nav": 5}, {"t": 2, "equity": None, "nav": 5})
    assert imported.column("equity_usd", "ticks") == [0.0, 5.0]


def test_symbols_are_upper_case(imported: LogStore) -> None:
    imported.lines(EXECUTED, {**CLOSE, "symbol": "btcUsdt"})
    assert imported.column("symbol", "order_closes") == ["BTCUSDT"]


def test_documents_are_kept_whole(imported: LogStore) -> None:
    detail = {"intent": {"attempt_id": "a", "x": [1, None, {"y": "é"}]}, "reasons": []}
    imported.lines(VETOES, {**VETO, "veto_detail": detail, "thresholds": None, "context": "text"})
    row = imported.row("vetoes")
    assert json.loads(row["veto_detail"]) == detail
    assert row["thresholds"] is None
    assert json.loads(row["context"]) == "text"


def test_a_line_kept_whole_has_no_extra(imported: LogStore) -> None:
    imported.lines(SHADOW, {**DECISION, "unheard_of": {"a": None}, "event_id": "mine"})
    row = imported.row("shadow_decisions")
    assert json.loads(row["decision"]) == {**DECISION, "unheard_of": {"a": None}}
    assert (row["event_id"], row["extra"]) == ("mine", None)


SECONDS = st.one_of(
    st.floats(0, 4e9),
    st.floats(-1e9, 2.5e11),
    st.integers(0, 10**15).map(lambda micros: micros / 1e6),
    st.integers(0, 2**33).map(lambda halves: 1.7e9 + halves / 2**21),
)
MILLIS = st.one_of(st.floats(EPOCH_MS_FROM, 4e12), st.integers(int(EPOCH_MS_FROM), 4 * 10**12))


def _event_times(empty_database: Path, written: list[float]) -> list[datetime]:
    lines = [{**HEARTBEAT, "ts": value, "service": str(n)} for n, value in enumerate(written)]
    with fresh_store(empty_database) as store:
        store.load({HEARTBEATS: text(*lines)})
        found = store.connection.execute("select ts from heartbeats order by cast(service as int)").fetchall()
    return [ts for (ts,) in found]


@settings(max_examples=examples(10), deadline=None)
@given(written=st.lists(SECONDS, min_size=1, max_size=80))
def test_epoch_seconds_are_rounded_to_the_microsecond_as_python_does(
    empty_database: Path, written: list[float]
) -> None:
    assert _event_times(empty_database, written) == [datetime.fromtimestamp(value, UTC) for value in written]


@settings(max_examples=examples(10), deadline=None)
@given(written=st.lists(MILLIS, min_size=1, max_size=80))
def test_epoch_milliseconds_are_rounded_to_the_nearest_microsecond(empty_database: Path, written: list[float]) -> None:
    exact = [EPOCH + timedelta(microseconds=round(Fraction(value) * 1000)) for value in written]
    assert _event_times(empty_database, written) == exact


def test_every_unit_of_a_contract_field_is_stated_on_a_number() -> None:
    for event in (OrderAcked, OrderFilled, OrderClosed):
        for name, field in event.model_fields.items():
            if unit_of(field) is not None:
                assert python_type(field.annotation) in (float, int), name


def test_an_object_that_is_none_is_refused_by_name(imported: LogStore) -> None:
    imported.lines(METRICS, {**METRIC, "prices": 5}, {**METRIC, "result": "FILLED"}, {**METRIC, "policy": None})
    assert [reason.partition(":")[0] for reason in imported.reasons()] == ["prices", "result"]
    assert imported.column("policy_quality", "order_metrics") == [None]


@pytest.mark.parametrize("pid", [1e20, "1e300", -(10**30)])
def test_a_whole_number_out_of_range_is_refused_by_name(imported: LogStore, pid: object) -> None:
    imported.lines(HEARTBEATS, beat(1, pid=pid), beat(2))
    assert imported.reasons()[0].startswith("pid: expected a whole number, found ")
    assert len(imported.column("event_id", "heartbeats")) == 1


def test_a_text_that_only_begins_like_a_list_is_refused(imported: LogStore) -> None:
    imported.lines(EXECUTED, {**FILL, "tradeIds": "[1"}, FILL)
    assert imported.reasons() == ["tradeIds: expected a list, found '[1'"]


@pytest.mark.parametrize("key", ["strategy", "positionSide", "attempt_id"])
def test_an_optional_text_may_be_empty(imported: LogStore, key: str) -> None:
    assert imported.lines(EXECUTED, {**CLOSE, key: ""}).total.stored == 1


@pytest.mark.parametrize(
    "unknown",
    [
        {"other": {"prices": {}, "b": 1}},
        {"other": {"prices": {}}},
        {"status": "X", "mark": 5},
        {"prices": {**METRIC["prices"], "status": 1}},
    ],
)
def test_unknown_keys_are_kept_even_if_named_like_known_ones_elsewhere(
    imported: LogStore, unknown: dict[str, Any]
) -> None:
    imported.lines(METRICS, {**METRIC, **unknown})
    extra = json.loads(imported.row("order_metrics")["extra"] or "{}")
    assert extra == ({"prices": {"status": 1}} if "prices" in unknown else unknown)


def test_a_key_of_another_kind_of_order_event_is_unknown(imported: LogStore) -> None:
    imported.lines(EXECUTED, {**ACK, "qty": 3})
    assert imported.row("order_acks")["extra"] == '{"qty":3}'


def test_an_object_without_known_values_is_one(imported: LogStore) -> None:
    imported.lines(METRICS, {**METRIC, "prices": {}, "timing_ms": {"ack": None}, "result": {"zz": 1}})
    assert imported.reasons() == []
    assert imported.row("order_metrics")["extra"] == '{"result":{"zz":1}}'
