"""Events parse what runtimes write, refuse what is missing or wrongly typed, and keep the rest."""

from __future__ import annotations

from copy import deepcopy
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from pydantic import JsonValue, ValidationError
from pydantic.fields import FieldInfo

from tape.execution.events import (
    EVENTS,
    Event,
    EventRefused,
    IntentVetoed,
    OrderAcked,
    OrderClosed,
    OrderFilled,
    OrderMeasured,
    PositionMarked,
    ShadowDecided,
    Ticked,
    contract_key,
    document_fields,
    parse_event,
    unit_of,
)
from tape.store.schema import python_type

NOON = datetime(2025, 11, 1, 12, tzinfo=UTC)
FILL: dict[str, Any] = {
    "event_id": "f",
    "symbol": "btcusdt",
    "side": "BUY",
    "ts_fill_first": "2025-11-01T12:00:00Z",
    "ts_fill_last": "2025-11-01T12:00:00Z",
    "orderId": 8389765988001940435,
    "clientOrderId": "c",
    "executedQty": "0.5",
    "avgPrice": "2.25",
    "fee_total": 0,
    "feeAsset": "USDT",
    "tradeIds": ["1", 2],
    "status": "FILLED",
}
CLOSE: dict[str, Any] = {
    "event_id": "c",
    "symbol": "BTCUSDT",
    "ts_close": "2025-11-01T12:00:00Z",
    "orderId": 1,
    "clientOrderId": "c",
    "realizedPnlUsd": 0,
    "fees_total": 0.1,
    "position_size_before": 1,
    "position_size_after": 0,
}
ACK: dict[str, Any] = {
    "event_id": "a",
    "symbol": "BTCUSDT",
    "side": "SELL",
    "ts_ack": 1761998400,
    "orderId": 1,
    "clientOrderId": 2,
    "request_qty": 1,
    "order_type": "LIMIT",
    "status": "NEW",
}
REQUIRED_BY_CONTRACT: list[tuple[type[Event], dict[str, Any]]] = [
    (OrderAcked, ACK),
    (OrderFilled, FILL),
    (OrderClosed, CLOSE),
]


def test_numeric_strings_are_numbers() -> None:
    fill = OrderFilled.model_validate(FILL)
    assert (fill.executed_qty, fill.avg_price) == (0.5, 2.25)


def test_a_true_zero_is_zero() -> None:
    assert OrderClosed.model_validate(CLOSE).realized_pnl_usd == 0.0


@pytest.mark.parametrize("wrong", [True, "abc", [1], {"a": 1}])
def test_what_is_no_number_is_refused(wrong: object) -> None:
    with pytest.raises(ValidationError, match="equity"):
        Ticked.model_validate({"event_id": "t", "t": 0, "equity": wrong})


@pytest.mark.parametrize(
    "written",
    [
        "2025-11-01T12:00:00Z",
        "2025-11-01T12:00:00",
        "2025-11-01 12:00:00+00:00",
        "2025-11-01T13:00:00+01:00",
        1761998400,
        1761998400.0,
        "1761998400",
        1761998400000,
        "1761998400000",
        NOON,
        NOON.astimezone(timezone(timedelta(hours=5))),
    ],
)
def test_instants_come_as_text_epoch_seconds_or_milliseconds(written: object) -> None:
    assert Ticked.model_validate({"event_id": "t", "t": written}).ts == NOON


def test_fractions_of_epoch_seconds_are_kept_to_the_microsecond() -> None:
    ts = Ticked.model_validate({"event_id": "t", "t": 1761998400.123456}).ts
    assert ts == NOON.replace(microsecond=123456)


@pytest.mark.parametrize("wrong", ["yesterday", True, [], None, "nan"])
def test_what_is_no_instant_is_refused(wrong: object) -> None:
    with pytest.raises(ValidationError, match="\nt\n"):
        Ticked.model_validate({"event_id": "t", "t": wrong})


@pytest.mark.parametrize(
    ("event", "good", "key"),
    [(event, good, key) for event, good in REQUIRED_BY_CONTRACT for key in good if key != "event_id"],
)
def test_a_required_field_that_is_missing_is_refused_by_name(
    event: type[Event], good: dict[str, Any], key: str
) -> None:
    missing = {name: value for name, value in good.items() if name != key}
    with pytest.raises(ValidationError) as refused:
        event.model_validate(missing)
    assert [error["loc"] for error in refused.value.errors()] == [(key,)]


@pytest.mark.parametrize(
    ("event", "good", "key"),
    [(event, good, key) for event, good in REQUIRED_BY_CONTRACT for key in good if key != "event_id"],
)
def test_a_required_field_that_is_wrongly_typed_is_refused_by_name(
    event: type[Event], good: dict[str, Any], key: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        event.model_validate({**good, key: {"not": "this"}})
    assert {error["loc"][0] for error in refused.value.errors()} == {key}


def test_the_required_fields_are_those_of_the_contract() -> None:
    for event, good in REQUIRED_BY_CONTRACT:
        required = {contract_key(name, field) for name, field in event.model_fields.items() if field.is_required()}
        assert required | {"event_id"} == good.keys()


def test_nested_keys_of_the_contract_become_fields() -> None:
    metric = OrderMeasured.model_validate(
        {
            "event_id": "m",
            "ts": 0,
            "prices": {"mark": "1.5", "submitted": 2, "avg_fill": None},
            "qty": {"contracts": 3},
            "result": {"status": "FILLED", "retries": 1, "cancelled": False},
            "policy": {"maker_first": True, "taker_bias": "balanced"},
        }
    )
    assert (metric.mark_price, metric.submitted_price, metric.avg_fill_price) == (1.5, 2.0, None)
    assert (metric.contracts_qty, metric.notional_usd) == (3.0, None)
    assert (metric.status, metric.retries, metric.is_cancelled) == ("FILLED", 1, False)
    assert (metric.policy_maker_first, metric.policy_taker_bias) == (True, "balanced")


def test_fields_are_accepted_by_their_own_names_too() -> None:
    assert OrderMeasured(event_id="m", ts=NOON, mark_price=1.5).mark_price == 1.5


def test_ids_that_come_as_integers_are_text() -> None:
    fill = OrderFilled.model_validate({**FILL, "attempt_id": 7})
    assert (fill.order_id, fill.attempt_id) == ("8389765988001940435", "7")


def test_symbols_are_upper_case() -> None:
    assert OrderFilled.model_validate(FILL).symbol == "BTCUSDT"


def test_what_has_no_field_is_kept() -> None:
    fill = OrderFilled.model_validate({**FILL, "maker": True, "nested": {"a": [1]}})
    assert fill.model_extra == {"maker": True, "nested": {"a": [1]}}


def test_events_are_frozen() -> None:
    fill = OrderFilled.model_validate(FILL)
    with pytest.raises(ValidationError, match="frozen"):
        setattr(fill, "symbol", "ETHUSDT")  # noqa: B010 (the type checker refuses the plain assignment)


def test_unknown_is_none_and_never_zero() -> None:
    position = PositionMarked.model_validate({"event_id": "p", "ts": 0, "symbol": "X", "pos_qty": 0})
    assert (position.qty, position.entry_price, position.leverage) == (0.0, None, None)


def test_tables_and_event_types_are_unique() -> None:
    assert len({event.table for event in EVENTS}) == len(EVENTS)
    assert len({event.event_type for event in EVENTS}) == len(EVENTS)


@pytest.mark.parametrize("event", EVENTS)
def test_every_field_says_what_it_means(event: type[Event]) -> None:
    assert not [name for name, field in event.model_fields.items() if not field.description]


@pytest.mark.parametrize("event", EVENTS)
def test_what_is_named_after_a_unit_states_it(event: type[Event]) -> None:
    units = {"_usd": "USD", "_bps": "bps", "_ms": "ms"}
    for name, field in event.model_fields.items():
        for ending, unit in units.items():
            if name.endswith(ending):
                assert unit_of(field) == unit, name


def test_document_fields_are_the_json_ones() -> None:
    assert document_fields(OrderFilled) == {"trade_ids", "fees_by_asset"}
    assert document_fields(ShadowDecided) == {"decision"}
    assert ShadowDecided.model_fields["decision"].annotation == JsonValue | None


@pytest.mark.parametrize("unknown", [float("nan"), float("inf"), "NaN", "-Infinity", "nan", None])
def test_nan_and_infinity_are_unknown(unknown: object) -> None:
    tick = Ticked.model_validate({"event_id": "t", "t": 0, "equity": unknown})
    assert tick.equity_usd is None


@pytest.mark.parametrize("wrong", [float("inf"), "inf", 1e300])
def test_an_instant_out_of_range_is_refused(wrong: object) -> None:
    with pytest.raises(ValueError, match="\nt\n"):
        Ticked.model_validate({"event_id": "t", "t": wrong})


# --- parse_event: the contract's dictionaries ---


def contract_payload(event: type[Event]) -> dict[str, Any]:
    """A payload with every field of an event at its key in the contract's JSON, each with a value of its own."""
    payload: dict[str, Any] = {}
    for number, (name, field) in enumerate(event.model_fields.items(), 1):
        if name == event.whole:
            continue
        *parents, leaf = contract_key(name, field).split(".")
        holder = payload
        for parent in parents:
            holder = holder.setdefault(parent, {})
        holder[leaf] = {
            float: number + 0.5,
            int: number,
            bool: True,
            str: f"{name.upper()}",
            datetime: (NOON + timedelta(seconds=number)).isoformat(),
            list: [name],
            dict: {name: number},
        }[python_type(field.annotation)]
    return payload


def expected_words(name: str, field: FieldInfo) -> str:
    """What a refusal says that it expected."""
    if name.endswith("_id"):
        return "an id"
    return {
        float: "a number",
        int: "a whole number",
        bool: "true or false",
        str: "text",
        datetime: "an instant",
        list: "a list",
        dict: "a document",
    }[python_type(field.annotation)]


@pytest.mark.parametrize("event", EVENTS)
def test_every_key_of_the_contract_becomes_its_field(event: type[Event]) -> None:
    parsed = parse_event(event.event_type, contract_payload(event))
    for number, (name, field) in enumerate(event.model_fields.items(), 1):
        if name == event.whole:
            assert getattr(parsed, name) == {k: v for k, v in contract_payload(event).items() if k != "event_id"}
            continue
        expected: Any = {
            float: number + 0.5,
            int: number,
            bool: True,
            str: name.upper(),
            datetime: NOON + timedelta(seconds=number),
            list: [name],
            dict: {name: number},
        }[python_type(field.annotation)]
        assert getattr(parsed, name) == expected, name
    assert parsed.model_extra == {}


@pytest.mark.parametrize("event", EVENTS)
def test_fields_are_parsed_by_their_own_names_too(event: type[Event]) -> None:
    first = parse_event(event.event_type, contract_payload(event))
    own = {name: value for name, value in first.__dict__.items() if name not in ("ts", event.whole)}
    time_key = contract_key("ts", event.model_fields["ts"])
    second = parse_event(event.event_type, {**own, time_key: first.ts})
    documents = set() if event.whole is None else {event.whole}
    assert second.model_dump(exclude=documents) == first.model_dump(exclude=documents)


@pytest.mark.parametrize("event", EVENTS)
def test_what_the_contract_demands_is_refused_by_its_key_when_it_is_missing(event: type[Event]) -> None:
    for name, field in event.model_fields.items():
        if not field.is_required() or name == event.whole:
            continue
        key = contract_key(name, field)
        payload = contract_payload(event)
        for missing in ({}, {key: None}, {key: ""}):
            without = {other: value for other, value in payload.items() if other != key}
            with pytest.raises(EventRefused) as refused:
                parse_event(event.event_type, {**without, **missing})
            assert (refused.value.event_type, refused.value.field) == (event.event_type, key)
            assert (
                str(refused.value)
                == f"{event.event_type}: {key}: expected {expected_words(name, field)}, found nothing"
            )


@pytest.mark.parametrize("event", EVENTS)
def test_a_wrongly_typed_value_is_refused_by_its_key_in_the_contract(event: type[Event]) -> None:
    for name, field in event.model_fields.items():
        if python_type(field.annotation) is dict:
            continue
        payload = contract_payload(event)
        *parents, leaf = contract_key(name, field).split(".")
        holder = payload
        for parent in parents:
            holder = holder[parent]
        holder[leaf] = {"not": "this"}
        with pytest.raises(EventRefused) as refused:
            parse_event(event.event_type, payload)
        key = contract_key(name, field)
        expected = f"{event.event_type}: {key}: expected {expected_words(name, field)}, found {{'not': 'this'}}"
        assert (refused.value.field, str(refused.value)) == (key, expected)


@pytest.mark.parametrize("wrong", ["noon", "2016-12-31T23:59:60Z", "nan", 1e300, True])
def test_what_is_no_instant_is_refused_in_plain_words(wrong: object) -> None:
    with pytest.raises(EventRefused, match=r"^tick: t: expected an instant, found "):
        parse_event("tick", {"t": wrong})


def test_a_true_zero_false_and_empty_document_are_values() -> None:
    close = parse_event("order_close", {**CLOSE, "realizedPnlUsd": 0, "realized_pnl_usd": 5, "reduceOnly": False})
    assert isinstance(close, OrderClosed)
    assert (close.realized_pnl_usd, close.reduce_only) == (0.0, False)
    veto = parse_event("risk_veto", {"ts": 0, "symbol": "X", "veto_reason": "r", "veto_detail": {}})
    assert isinstance(veto, IntentVetoed)
    assert veto.veto_detail == {}


def test_empty_text_is_unknown_and_the_next_path_counts() -> None:
    detail = {"intent": {"attempt_id": 7, "intent_id": "i"}, "more": [1]}
    payload = {"ts": 0, "symbol": "X", "veto_reason": "r", "attempt_id": "", "side": "", "veto_detail": detail}
    veto = parse_event("risk_veto", payload)
    assert isinstance(veto, IntentVetoed)
    assert (veto.attempt_id, veto.intent_id, veto.side, veto.veto_detail) == ("7", "i", None, detail)
    assert parse_event("risk_veto", {**payload, "attempt_id": "own"}).__dict__["attempt_id"] == "own"


@pytest.mark.parametrize("parent", ["prices", "qty", "timing_ms", "result", "policy"])
@pytest.mark.parametrize("wrong", ["text", 1.5, [1]])
def test_a_parent_that_is_no_object_is_refused_by_name(parent: str, wrong: object) -> None:
    with pytest.raises(EventRefused) as refused:
        parse_event("order_metric", {"ts": 0, parent: wrong})
    assert str(refused.value) == f"order_metric: {parent}: expected an object, found {wrong!r}"


def test_a_parent_that_is_null_holds_nothing_and_what_is_left_of_one_is_kept() -> None:
    metric = parse_event("order_metric", {"ts": 0, "prices": None, "qty": {"contracts": 1, "lots": 2}, "result": {}})
    assert isinstance(metric, OrderMeasured)
    assert (metric.mark_price, metric.contracts_qty) == (None, 1.0)
    assert {key: value for key, value in (metric.model_extra or {}).items() if value is not None} == {
        "qty": {"lots": 2}
    }


def test_when_the_line_was_written_is_left_out_where_the_event_has_a_time_of_its_own() -> None:
    tick = parse_event("tick", {"t": NOON, "ts": "2020-01-01T00:00:00Z", "event_type": "tick"})
    assert (tick.ts, tick.model_extra) == (NOON, {})
    with pytest.raises(EventRefused, match="tick: t: expected an instant, found nothing"):
        parse_event("tick", {"ts": NOON})


def test_a_shadow_decision_takes_its_symbol_and_attempt_from_the_intent_where_it_names_none_itself() -> None:
    intent = {"symbol": " solusdt", "attempt_id": 7, "qty": 1}
    event = parse_event("shadow_decision", {"timestamp": 0, "symbol": None, "intent": intent})
    assert isinstance(event, ShadowDecided)
    assert (event.symbol, event.attempt_id) == ("SOLUSDT", "7")
    event = parse_event("shadow_decision", {"timestamp": 0, "symbol": "BTCUSDT", "attempt_id": "a", "intent": intent})
    assert isinstance(event, ShadowDecided)
    assert (event.symbol, event.attempt_id) == ("BTCUSDT", "a")
    with pytest.raises(EventRefused, match="shadow_decision: intent: expected an object, found 5"):
        parse_event("shadow_decision", {"timestamp": 0, "symbol": "BTCUSDT", "intent": 5})


def test_a_document_that_is_taken_whole_stays_as_it_was() -> None:
    payload = {"timestamp": "2025-11-01T12:00:00Z", "ts": 5, "symbol": "x", "risk_decision": {"allowed": True, "by": 1}}
    decision = parse_event("shadow_decision", payload)
    assert isinstance(decision, ShadowDecided)
    assert (decision.decision, decision.is_allowed, decision.symbol) == (payload, True, "X")
    assert decision.model_extra == {}


def test_the_given_payload_is_left_alone() -> None:
    payload = {"ts": 0, "prices": {"mark": 1, "x": 2}, "result": {"status": "FILLED"}}
    before = deepcopy(payload)
    parse_event("order_metric", payload)
    assert payload == before


@pytest.mark.parametrize("payload", [None, [], "text", 5])
def test_what_is_no_object_is_refused(payload: Any) -> None:
    with pytest.raises(EventRefused, match="tick: payload: expected an object, found"):
        parse_event("tick", payload)


def test_an_unknown_event_type_is_refused_by_name() -> None:
    with pytest.raises(EventRefused, match=r"^tock: event_type: expected one of tick, .*, found 'tock'$"):
        parse_event("tock", {})


def test_events_of_the_test_strategy_are_test_noise() -> None:
    attempt = {"ts": 0, "symbol": "X", "strategy": "smoke_test"}
    assert parse_event("order_attempt", attempt).is_test
    assert parse_event("order_error", attempt).is_test
    assert not parse_event("order_attempt", {**attempt, "strategy": "vol_target"}).is_test
    assert parse_event("order_attempt", {**attempt, "strategy": None, "is_test": True}).is_test


def test_lists_of_another_library_are_left_to_who_writes_them() -> None:
    class Array:
        """Compares as numpy's arrays do."""

        def __eq__(self, other: object) -> Any:
            return self

        __hash__ = None  # type: ignore[assignment]

        def __bool__(self) -> bool:
            raise ValueError("the truth value of an array is ambiguous")

    row = Array()
    assert (parse_event("tick", {"t": 0, "row": row}).model_extra or {})["row"] is row
    with pytest.raises(EventRefused, match="order_fill: tradeIds: expected a list"):
        parse_event("order_fill", {**FILL, "tradeIds": row})


def test_a_document_may_hold_what_json_does_not_know() -> None:
    """A trader that hands over its own objects is not stopped by them: they are told as text, numbers and lists."""
    at = datetime(2025, 6, 1, tzinfo=UTC)
    seen = {"at": at, "limit": Decimal("1.20"), "reasons": ("a", "b"), "n": {1: None}}
    veto = parse_event("risk_veto", {"ts": at, "symbol": "X", "veto_reason": "cap", "veto_detail": seen})
    assert isinstance(veto, IntentVetoed)
    assert veto.veto_detail == {
        "at": "2025-06-01T00:00:00+00:00",
        "limit": "1.20",
        "reasons": ["a", "b"],
        "n": {"1": None},
    }
    decided = parse_event("shadow_decision", {"timestamp": at, "symbol": "X", "intent": {"at": at}})
    assert isinstance(decided, ShadowDecided)
    assert decided.decision == {
        "timestamp": "2025-06-01T00:00:00+00:00",
        "symbol": "X",
        "intent": {"at": "2025-06-01T00:00:00+00:00"},
    }


def test_a_document_that_holds_itself_ends() -> None:
    loop: dict[str, Any] = {}
    loop["again"] = loop
    found = parse_event("risk_veto", {"ts": 0, "symbol": "X", "veto_reason": "cap", "context": loop})
    assert isinstance(found, IntentVetoed)
    assert "<dict: nested too deeply>" in str(found.context)
