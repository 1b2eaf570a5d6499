"""Events parse what runtimes write, refuse what is missing or wrongly typed, and keep the rest."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import JsonValue, ValidationError

from execution.events import (
    EVENTS,
    Event,
    OrderAcked,
    OrderClosed,
    OrderFilled,
    OrderMeasured,
    PositionMarked,
    ShadowDecided,
    Ticked,
    contract_key,
    document_fields,
    unit_of,
)

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
    assert document_fields(OrderFilled) == {"trade_ids"}
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
