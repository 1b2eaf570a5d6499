"""Every event a trading runtime records: THE list of event types, fields, units and contract keys.

Laws kept here:
- a field, its unit, its meaning and its key in the contract's JSON are stated once, in this file; tables, column
  comments, the reading of old logs and the writing of JSONL mirrors derive from it;
- events are frozen values in the past tense; nothing here reads a clock, the environment or a file;
- unknown is ``None``, never ``0.0``; whatever comes with an event and has no field is kept in ``model_extra``.

``ts`` is event time. Its contract key differs by event (``ts_close``, ``ts_fill_last``, ``t`` ...); where it does, the
contract's ``ts`` is the moment the line was written, which the store keeps as ``received_ts``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from reprlib import Repr
from typing import Annotated, Any, ClassVar

from pydantic import AliasChoices, AliasPath, BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, ValidationError
from pydantic.fields import FieldInfo

EPOCH_MS_FROM = 2e10
"""Epoch numbers of at least this size are milliseconds: 2e10 s is the year 2603, 2e10 ms is August 1970."""

TEST_STRATEGY = "smoke_test"
"""Events of this strategy are test noise."""


def _number(value: object) -> object:
    """NaN and infinities are unknown; everything else is left to pydantic, which reads numeric strings."""
    if isinstance(value, bool):
        raise ValueError(f"expected a number, found {value}")  # noqa: TRY004 (pydantic wants a ValueError)
    if isinstance(value, (float, str)):
        try:
            return value if math.isfinite(float(value)) else None
        except ValueError:
            return value
    return value


def _instant(value: object) -> object:
    """RFC 3339 text or a datetime (without offset: UTC), epoch seconds or epoch milliseconds, also as text."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return _from_text(str(value))
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        try:
            return datetime.fromtimestamp(value / 1e3 if abs(value) >= EPOCH_MS_FROM else value, UTC)
        except (OverflowError, OSError, ValueError) as error:
            raise ValueError(f"expected an instant, found {value}") from error
    return value


def _from_text(text: str) -> datetime:
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"expected an instant, found {text!r}") from error
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def _id(value: object) -> object:
    """Ids come as text or as integers; they are compared as text."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Number = Annotated[float, BeforeValidator(_number)]
MaybeNumber = Annotated[float | None, BeforeValidator(_number)]
Instant = Annotated[datetime, BeforeValidator(_instant)]
Id = Annotated[str, BeforeValidator(_id)]
Symbol = Annotated[str, BeforeValidator(lambda value: value.upper() if isinstance(value, str) else value)]


def _field(text: str, key: str | None, unit: str | None, also: tuple[str, ...] = (), **default: Any) -> Any:
    paths = [path for path in (key, *also) if path is not None]
    choices = AliasChoices(*(AliasPath(*path.split(".")) for path in paths)) if paths else None
    stated: dict[str, Any] = {"key": key, "unit": unit, "also": list(also)}
    return Field(description=text, validation_alias=choices, json_schema_extra=stated, **default)


def required(text: str, key: str | None = None, unit: str | None = None) -> Any:
    """A field that must be there and well typed. ``key``: its path in the contract's JSON, dots between levels."""
    return _field(text, key, unit)


def optional(
    text: str, key: str | None = None, unit: str | None = None, default: Any = None, also: tuple[str, ...] = ()
) -> Any:
    """A field that may be unknown (``None``). ``also``: further paths at which the contract's JSON may have it."""
    return _field(text, key, unit, also, default=default)


def contract_key(name: str, field: FieldInfo) -> str:
    """The path of a field in the contract's JSON, dots between levels: its own name unless stated."""
    stated = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    return str(stated.get("key") or name)


def contract_paths(name: str, field: FieldInfo) -> tuple[str, ...]:
    """Every path at which a field may stand in the contract's JSON, the first that is not null counts."""
    stated = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    also = stated.get("also")
    return (contract_key(name, field), *(str(path) for path in also)) if isinstance(also, list) else (name,)


def unit_of(field: FieldInfo) -> str | None:
    """The unit of a field, or ``None`` for text, flags, times and documents."""
    stated = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    unit = stated.get("unit")
    return None if unit is None else str(unit)


@cache
def document_fields(event: type[Event]) -> frozenset[str]:
    """The fields of an event that hold documents or lists: JSON in the store."""
    return frozenset(
        name
        for name, field in event.model_fields.items()
        if field.annotation in (JsonValue, JsonValue | None, list[JsonValue])
    )


class Event(BaseModel):
    """What every event carries. Subclasses name their table and their ``event_type`` in the contract's JSON."""

    # Built at first use, or all at once by `build_models`: half of what importing this file costs.
    model_config = ConfigDict(frozen=True, extra="allow", populate_by_name=True, defer_build=True)
    table: ClassVar[str]
    event_type: ClassVar[str]
    whole: ClassVar[str | None] = None
    """The field that takes the contract's document whole, where it is one."""

    event_id: str | None = optional("identity of the event, set by its producer; imported rows: md5 of the raw line")
    ts: Instant = required("event time")
    is_test: bool = optional("test noise (strategy smoke_test): stored, excluded from every view", default=False)
    producer: str | None = optional("name of the producing process, or the log an imported row came from")
    run_id: Id | None = optional("identity of the producer's run")
    hostname: str | None = optional("host of the producer")
    pid: int | None = optional("process id of the producer")


class Ticked(Event):
    """One pass of the executor's loop: the account as it stood. Equity <= 0 or unknown is stored and moves nothing."""

    table = "ticks"
    event_type = "tick"

    ts: Instant = required("event time", "t")
    equity_usd: MaybeNumber = optional("account equity: wallet balance plus unrealised PnL", "equity", "USD")
    nav_usd: MaybeNumber = optional(
        "net asset value as reported; equal to equity where only one is known", "nav", "USD"
    )
    unrealized_pnl_usd: MaybeNumber = optional("unrealised PnL over all positions", "unrealized_pnl", "USD")
    realized_pnl_usd: MaybeNumber = optional("realised PnL of the day as reported", "realized_pnl", "USD")
    position_count: int | None = optional(
        "positions this tick lists; null: it lists none of them, not even zero", unit="1"
    )


class PositionMarked(Event):
    """One open position at a tick, or one snapshot of an old log (``tick_id`` null).

    A position that a tick lists has the tick's ``ts``.
    """

    table = "positions"
    event_type = "position_snapshot"

    tick_id: str | None = optional("event_id of the tick that lists it; null: a snapshot of its own")
    symbol: Symbol = required("instrument")
    side: str | None = optional("LONG or SHORT as given; null: the sign of the quantity tells", "mode")
    qty: Number = required("signed quantity, negative is short", "pos_qty", "base units")
    entry_price: MaybeNumber = optional("average entry price", "entry_px", "quote/base")
    mark_price: MaybeNumber = optional("mark price of the moment", "mark_price", "quote/base")
    unrealized_pnl_usd: MaybeNumber = optional("unrealised PnL as reported", "unrealized_pnl", "USD")
    leverage: MaybeNumber = optional("leverage setting", unit="1")


class MarkObserved(Event):
    """The market of one symbol at one moment."""

    table = "marks"
    event_type = "mark"

    symbol: Symbol = required("instrument")
    mark_price: Number = required("mark price", unit="quote/base")
    bid_price: MaybeNumber = optional("best bid", unit="quote/base")
    ask_price: MaybeNumber = optional("best ask", unit="quote/base")


class OrderAttempted(Event):
    """An intent that passed every check and went to the router."""

    table = "order_attempts"
    event_type = "order_attempt"

    symbol: Symbol = required("instrument")
    side: str | None = optional("BUY or SELL")
    attempt_id: Id | None = optional("identity of the attempt; joins metrics, fills, closes, vetoes, shadow decisions")
    intent_id: Id | None = optional("identity of the intent behind the attempt")
    qty: MaybeNumber = optional("requested quantity", unit="base units")
    price_hint: MaybeNumber = optional("price the decision was taken at", unit="quote/base")
    strategy: str | None = optional("strategy that asked")
    signal_ts: Instant | None = optional("time of the signal behind the intent")
    reduce_only: bool | None = optional("may only reduce a position")
    confidence: MaybeNumber = optional("confidence of the signal", unit="0..1")
    expected_edge: MaybeNumber = optional("expected edge of the signal", unit="1")
    decision_latency_ms: MaybeNumber = optional("signal to decision", unit="ms")
    nav_snapshot: JsonValue | None = optional("NAV and gross exposure the decision saw")
    bid_price: MaybeNumber = optional("best bid at decision", unit="quote/base")
    ask_price: MaybeNumber = optional("best ask at decision", unit="quote/base")
    mark_price: MaybeNumber = optional("mark price at decision", unit="quote/base")


class OrderAcked(Event):
    """The venue accepted an order. Old runtimes wrote an ack in two halves, told by ``source``; views merge them."""

    table = "order_acks"
    event_type = "order_ack"

    ts: Instant = required("event time: the venue's acknowledgement", "ts_ack")
    symbol: Symbol = required("instrument")
    side: str = required("BUY or SELL")
    order_id: Id = required("venue's order id; joins fills and closes by (symbol, order_id)", "orderId")
    client_order_id: Id = required("client order id", "clientOrderId")
    request_qty: Number = required("requested quantity", unit="base units")
    order_type: str = required("order type, e.g. MARKET or LIMIT")
    status: str = required("venue's status; DRY marks a dry run")
    price: MaybeNumber = optional("price of the ack; 0 on market orders, which is not a fill", unit="quote/base")
    position_side: str | None = optional("LONG, SHORT or BOTH", "positionSide")
    reduce_only: bool | None = optional("may only reduce a position", "reduceOnly")
    latency_ms: MaybeNumber = optional("submit to acknowledgement", unit="ms")
    attempt_id: Id | None = optional("attempt the order belongs to")
    intent_id: Id | None = optional("intent the order belongs to")
    strategy: str | None = optional("strategy that asked")
    source: str | None = optional("event type the row was logged under: order_ack or order_executed", "event_type")
    bid_price: MaybeNumber = optional("best bid at the ack", unit="quote/base")
    ask_price: MaybeNumber = optional("best ask at the ack", unit="quote/base")
    mark_price: MaybeNumber = optional("mark price at the ack", unit="quote/base")


class OrderFilled(Event):
    """The fill state of an order, cumulative: of several rows of one order the latest counts."""

    table = "order_fills"
    event_type = "order_fill"

    ts: Instant = required("event time: the last fill", "ts_fill_last")
    ts_fill_first: Instant = required("time of the first fill")
    symbol: Symbol = required("instrument")
    side: str = required("BUY or SELL")
    order_id: Id = required("venue's order id; joins acks and closes by (symbol, order_id)", "orderId")
    client_order_id: Id = required("client order id", "clientOrderId")
    executed_qty: Number = required("filled quantity so far", "executedQty", "base units")
    avg_price: Number = required("average fill price so far", "avgPrice", "quote/base")
    fee_total: Number = required("fees so far, in fee_asset", unit="fee asset")
    fee_asset: str = required("asset the fee is paid in", "feeAsset")
    trade_ids: list[JsonValue] = required("venue's trade ids", "tradeIds")
    status: str = required("venue's status")
    position_side: str | None = optional("LONG, SHORT or BOTH", "positionSide")
    reduce_only: bool | None = optional("may only reduce a position", "reduceOnly")
    latency_ms: MaybeNumber = optional("submit to last fill", unit="ms")
    attempt_id: Id | None = optional("attempt the order belongs to")
    intent_id: Id | None = optional("intent the order belongs to")
    strategy: str | None = optional("strategy that asked")
    bid_price: MaybeNumber = optional("best bid at the fill", unit="quote/base")
    ask_price: MaybeNumber = optional("best ask at the fill", unit="quote/base")
    mark_price: MaybeNumber = optional("mark price at the fill", unit="quote/base")


class OrderClosed(Event):
    """An order reduced or closed a position: one trade of the expectancy statistics."""

    table = "order_closes"
    event_type = "order_close"

    ts: Instant = required("event time: the close", "ts_close")
    symbol: Symbol = required("instrument")
    order_id: Id = required("venue's order id of the closing order", "orderId")
    client_order_id: Id = required("client order id of the closing order", "clientOrderId")
    realized_pnl_usd: Number = required("realised PnL gross of fees; a true 0 is a trade", "realizedPnlUsd", "USD")
    fees_usd: Number = required("fees of the closing order", "fees_total", "USD")
    position_size_before: Number = required("signed position before the close", unit="base units")
    position_size_after: Number = required("signed position after the close", unit="base units")
    closed_qty: MaybeNumber = optional("quantity closed; null: |before - after|", unit="base units")
    position_side: str | None = optional("LONG, SHORT or BOTH", "positionSide")
    reduce_only: bool | None = optional("may only reduce a position", "reduceOnly")
    latency_ms: MaybeNumber = optional("submit to close", unit="ms")
    attempt_id: Id | None = optional("attempt the closing order belongs to")
    intent_id: Id | None = optional("intent the closing order belongs to")
    strategy: str | None = optional("strategy that asked")


class OrderFailed(Event):
    """The venue or the way to it refused an order."""

    table = "order_errors"
    event_type = "order_error"

    symbol: Symbol = required("instrument")
    side: str | None = optional("BUY or SELL")
    order_type: str | None = optional("order type, e.g. MARKET or LIMIT")
    price: MaybeNumber = optional("price asked for", unit="quote/base")
    qty: MaybeNumber = optional("quantity asked for", unit="base units")
    error: str | None = optional("the error as the venue or client worded it", "exc")
    dry_run: bool | None = optional("no order would have reached the venue")
    position_side: str | None = optional("LONG, SHORT or BOTH")
    reduce_only: bool | None = optional("may only reduce a position")
    attempt_id: Id | None = optional("attempt the order belongs to")
    payload: JsonValue | None = optional("the request as sent, without secrets")


class FundingSettled(Event):
    """Funding of a position was paid or received."""

    table = "funding_payments"
    event_type = "funding"

    symbol: Symbol = required("instrument")
    amount_usd: Number = required("what came into the wallet, negative is paid", unit="USD")


class OrderMeasured(Event):
    """How the router did on one attempt. Rows with ``kind`` position_close are no router metrics."""

    table = "order_metrics"
    event_type = "order_metric"

    kind: str | None = optional("null: a router metric; position_close: a note about a close", "event")
    attempt_id: Id | None = optional("attempt that is measured; several rows: the latest counts")
    intent_id: Id | None = optional("intent behind the attempt")
    venue: str | None = optional("venue")
    route: str | None = optional("route taken, e.g. maker, taker, market")
    symbol: Symbol | None = optional("instrument")
    side: str | None = optional("BUY or SELL")
    mark_price: MaybeNumber = optional("mark price at decision", "prices.mark", "quote/base")
    submitted_price: MaybeNumber = optional("price submitted", "prices.submitted", "quote/base")
    avg_fill_price: MaybeNumber = optional("average fill price", "prices.avg_fill", "quote/base")
    contracts_qty: MaybeNumber = optional("quantity", "qty.contracts", "base units")
    notional_usd: MaybeNumber = optional("notional", "qty.notional_usd", "USD")
    decision_ms: MaybeNumber = optional("signal to decision", "timing_ms.decision", "ms")
    submit_ms: MaybeNumber = optional("decision to submit", "timing_ms.submit", "ms")
    ack_ms: MaybeNumber = optional("submit to acknowledgement", "timing_ms.ack", "ms")
    fill_ms: MaybeNumber = optional("acknowledgement to fill", "timing_ms.fill", "ms")
    status: str | None = optional("venue's final status", "result.status")
    retries: int | None = optional("retries", "result.retries", "1")
    is_cancelled: bool | None = optional("the order was cancelled", "result.cancelled")
    fees_usd: MaybeNumber = optional("fees", unit="USD")
    slippage_bps: MaybeNumber = optional("slippage as logged, positive is cost; views prefer the prices", unit="bps")
    ack_latency_ms: MaybeNumber = optional("acknowledgement latency as logged", unit="ms")
    maker_start: bool | None = optional("the router began as maker")
    is_maker_final: bool | None = optional("the order was filled as maker")
    used_fallback: bool | None = optional("the router fell back to taker; null counts as false")
    policy_maker_first: bool | None = optional("policy: begin as maker", "policy.maker_first")
    policy_taker_bias: str | None = optional("policy: prefer_maker, balanced or prefer_taker", "policy.taker_bias")
    policy_quality: str | None = optional("policy: router quality it was based on", "policy.quality")
    policy_reason: str | None = optional("policy: why", "policy.reason")
    policy_offset_bps: MaybeNumber = optional("policy: maker offset", "policy.offset_bps", "bps")
    autotune_applied: bool | None = optional("a suggestion was applied to the policy")
    policy_before: JsonValue | None = optional("policy before autotune")
    policy_after: JsonValue | None = optional("policy after autotune")
    pnl_at_close_usd: MaybeNumber = optional("position_close rows: PnL as logged", unit="USD")
    order_status: str | None = optional("position_close rows: status of the closing order")


class IntentVetoed(Event):
    """A risk check refused an intent. Old executors logged one veto twice, raw and canonical; views merge the twins."""

    table = "vetoes"
    event_type = "risk_veto"

    symbol: Symbol = required("instrument")
    veto_reason: str = required("reason as logged; views make it canonical")
    original_reason: str | None = optional("reason before it was made canonical")
    side: str | None = optional("BUY or SELL")
    position_side: str | None = optional("LONG or SHORT; its presence marks a raw row")
    strategy: str | None = optional("strategy that asked")
    qty_req: MaybeNumber = optional("requested quantity", unit="base units")
    signal_ts: Instant | None = optional("time of the signal behind the intent")
    attempt_id: Id | None = optional("attempt that was vetoed", "attempt_id", also=("veto_detail.intent.attempt_id",))
    intent_id: Id | None = optional("intent that was vetoed", "intent_id", also=("veto_detail.intent.intent_id",))
    veto_detail: JsonValue | None = optional("what the check saw: reasons, thresholds, observations, the intent")
    thresholds: JsonValue | None = optional("limits that applied")
    context: JsonValue | None = optional("account and market around the check")
    bid_price: MaybeNumber = optional("best bid at the veto", unit="quote/base")
    ask_price: MaybeNumber = optional("best ask at the veto", unit="quote/base")
    mark_price: MaybeNumber = optional("mark price at the veto", unit="quote/base")


class ShadowDecided(Event):
    """The candidate pipeline's decision on the same inputs. Heartbeats are logged and never counted."""

    table = "shadow_decisions"
    event_type = "shadow_decision"
    whole = "decision"

    ts: Instant = required("event time: the decision", "timestamp")
    symbol: Symbol | None = optional("instrument; heartbeats may have none")
    attempt_id: Id | None = optional("live attempt it shadows; null: none")
    is_heartbeat: bool = optional("a sign of life, not a decision", "heartbeat", default=False)
    is_allowed: bool | None = optional("the candidate pipeline would trade", "risk_decision.allowed")
    decision: JsonValue | None = optional("the decision, whole, as its producer wrote it")


class HeartbeatSent(Event):
    """A service said that it lives."""

    table = "heartbeats"
    event_type = "heartbeat"

    service: str = required("service")
    lag_s: MaybeNumber = optional("how far its loop lags", "lag_secs", "s")
    queue_depth: MaybeNumber = optional("work waiting", unit="1")


class SymbolToggled(Event):
    """A symbol was switched off or on again by hand or by a guard. The latest row of a symbol counts."""

    table = "symbol_toggles"
    event_type = "symbol_toggle"

    symbol: Symbol = required("instrument")
    is_disabled: bool = required("true: no new positions", "disabled")
    until_ts: Instant | None = optional("end of the toggle; null: until it is toggled again", "disabled_until")
    reason: str | None = optional("why")


class FlagsRecorded(Event):
    """The runtime's flags and mode at a moment; the newest row at an instant counts."""

    table = "flag_snapshots"
    event_type = "flag_snapshot"

    is_intel_on: bool = required("expectancy and symbol scores are computed", "INTEL_V6_ENABLED")
    is_risk_engine_on: bool = required("the risk engine is on", "RISK_ENGINE_V6_ENABLED")
    is_pipeline_shadow_on: bool = required("shadow head and compare are computed", "PIPELINE_V6_SHADOW_ENABLED")
    is_router_autotune_on: bool = required("policy suggestions are computed", "ROUTER_AUTOTUNE_V6_ENABLED")
    is_feedback_allocator_on: bool = required("allocations are computed", "FEEDBACK_ALLOCATOR_V6_ENABLED")
    is_router_autotune_apply_on: bool = required("suggestions are applied", "ROUTER_AUTOTUNE_V6_APPLY_ENABLED")
    env: str = required("environment the runtime says it runs in", "ENV")
    dry_run: str = required("no order reaches a venue, as the runtime says it", "DRY_RUN")
    testnet: str = required("the venue's test network, as the runtime says it", "BINANCE_TESTNET")
    engine_version: str = required("version of the engine, never empty")


class ConfigChanged(Event):
    """Limits or universe as of a moment: the newest row of a kind at an instant counts."""

    table = "config_snapshots"
    event_type = "config_snapshot"

    kind: str = required("limits or universe")
    payload: JsonValue = required("the whole document, in the shape of risk_limits.json or pairs_universe.json")


class RouterHealthLogged(Event):
    """A line of an old runtime's router_health.jsonl: what it published then, kept as it was."""

    table = "router_health_log"
    event_type = "router_health"
    whole = "payload"

    payload: JsonValue = required("the line, whole")


EVENTS: tuple[type[Event], ...] = (
    Ticked,
    PositionMarked,
    MarkObserved,
    OrderAttempted,
    OrderAcked,
    OrderFilled,
    OrderClosed,
    OrderFailed,
    FundingSettled,
    OrderMeasured,
    IntentVetoed,
    ShadowDecided,
    HeartbeatSent,
    SymbolToggled,
    FlagsRecorded,
    ConfigChanged,
    RouterHealthLogged,
)

EVENTS_BY_TYPE = {event.event_type: event for event in EVENTS}


def build_models() -> None:
    """Build the validators of all events, so that no event is late because it is the first of its type."""
    for event in EVENTS:
        event.model_rebuild()


class EventRefused(ValueError):
    """An event lacks a required field, or has a wrongly typed one: ``field`` is its path in the contract's JSON."""

    def __init__(self, event_type: str, field: str, expected: str, found: str) -> None:
        self.event_type, self.field = event_type, field
        super().__init__(f"{event_type!s:.60}: {field:.100}: expected {expected}, found {found}")


def parse_event(event_type: str, payload: Mapping[str, Any]) -> Event:
    """An event from the contract's dictionary; what has no field is kept in ``model_extra``, empty text is unknown.

    The contract's ``ts`` of events that have a time of their own is when the line was written, and is left out.

    Raises:
        EventRefused: the type is unknown, a required field is missing, or a field is wrongly typed.
    """
    event = EVENTS_BY_TYPE.get(event_type) if isinstance(event_type, str) else None
    if event is None:
        raise EventRefused(event_type, "event_type", f"one of {', '.join(EVENTS_BY_TYPE)}", _shown(event_type))
    if not isinstance(payload, Mapping):
        raise EventRefused(event_type, "payload", "an object", type(payload).__name__)
    rest = {_key(key): dict(item) if isinstance(item, Mapping) else item for key, item in payload.items()}
    values = {name: _take(rest, name, field, event_type) for name, field in event.model_fields.items()}
    for key in ("ts", "event_type"):
        rest.pop(key, None)
    if payload.get("strategy") == TEST_STRATEGY:
        values["is_test"] = True
    if event.whole is None:
        left = {key: item for key, item in rest.items() if key not in values}
        values.update({key: item for key, item in left.items() if not isinstance(item, dict) or item})
    elif values[event.whole] is None:
        values[event.whole] = dict(payload)
    try:
        return event.model_validate({name: value for name, value in values.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        key = contract_key(name, event.model_fields[name]) if name in event.model_fields else name
        said = first["msg"].removeprefix("Value error, expected ").partition(", found ")[0]
        expected = _EXPECTED.get(first["type"].partition("_")[0], said)
        found = "nothing" if first["type"] == "missing" else _shown(first["input"])
        raise EventRefused(event_type, key, expected, found) from None


_REPR = Repr()
_REPR.maxstring = _REPR.maxother = _REPR.maxlong = 60


def _shown(value: object) -> str:
    """A value in a message: short, however long or deep it is."""
    try:
        return _REPR.repr(value)[:60]
    except ValueError:  # more digits than Python writes
        return f"a long {type(value).__name__}"


def _key(key: object) -> str:
    """A key as text that can be written: half a surrogate pair cannot."""
    return str(key).encode("utf-8", "replace").decode()


_EXPECTED = {
    "missing": "a value",
    "float": "a number",
    "int": "a whole number",
    "bool": "true or false",
    "string": "text",
    "list": "a list",
    "datetime": "an instant",
}


def _take(rest: dict[str, Any], name: str, field: FieldInfo, event_type: str) -> Any:
    """The first value that is known at the field's paths; what stands at its own key is taken out of ``rest``."""
    key, *also = contract_paths(name, field)
    *parents, leaf = key.split(".")
    holder: Any = rest
    for parent in parents:
        holder = {} if holder.get(parent) is None else holder[parent]
        if not isinstance(holder, dict):
            raise EventRefused(event_type, parent, "an object", _shown(holder))
    found = [holder.pop(leaf, None), *(_at(rest, path) for path in also)]
    if name != "ts" and name in rest:
        found.append(rest.pop(name))
    return next((value for value in found if value is not None and not (isinstance(value, str) and not value)), None)


def _at(value: Any, path: str) -> Any:
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value
