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

import re
from collections.abc import Callable, Container, Mapping
from datetime import datetime
from functools import cache, partial
from reprlib import Repr
from types import NoneType
from typing import Annotated, Any, ClassVar, NamedTuple, Self

from pydantic import (
    AliasChoices,
    AliasPath,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    ValidationError,
    model_validator,
)
from pydantic.fields import FieldInfo

from tape.execution import values

TEST_STRATEGY = "smoke_test"
"""Events of this strategy are test noise."""


def _unless_empty(read: Callable[[object], Any]) -> BeforeValidator:
    """Let a producer record empty text where text is required: the store refuses it, and nothing stops the producer."""
    return BeforeValidator(partial(_read_unless_empty, read))


def _read_unless_empty(read: Callable[[object], Any], value: object) -> Any:
    found = read(value)
    return "" if found is None and isinstance(value, str) else found


Number = Annotated[float, BeforeValidator(values.number)]
MaybeNumber = Annotated[float | None, BeforeValidator(values.number)]
MaybeWhole = Annotated[int | None, BeforeValidator(values.whole_number)]
Instant = Annotated[datetime, BeforeValidator(values.instant)]
MaybeInstant = Annotated[datetime | None, BeforeValidator(values.instant)]
Flag = Annotated[bool, BeforeValidator(values.flag)]
MaybeFlag = Annotated[bool | None, BeforeValidator(values.flag)]
Id = Annotated[str, _unless_empty(values.identity)]
MaybeId = Annotated[str | None, BeforeValidator(values.identity)]
Text = Annotated[str, _unless_empty(values.text)]
MaybeText = Annotated[str | None, BeforeValidator(values.text)]
Symbol = Annotated[str, _unless_empty(values.name)]
MaybeSymbol = Annotated[str | None, BeforeValidator(values.name)]
Side = Annotated[str, _unless_empty(values.name)]
MaybeSide = Annotated[str | None, BeforeValidator(values.name)]
Items = Annotated[list[JsonValue], BeforeValidator(values.a_list)]
Document = Annotated[JsonValue, BeforeValidator(values.document)]
MaybeDocument = Annotated[JsonValue | None, BeforeValidator(values.document)]


def _field(
    text: str,
    key: str | None,
    unit: str | None,
    also: tuple[str, ...] = (),
    added_in: str | None = None,
    **default: Any,
) -> Any:
    paths = [path for path in (key, *also) if path is not None]
    # another field's key is no alias: it would be taken from there
    aliases = [AliasPath(*path.split(".")) for path in paths if path == key or "." in path]
    choices = AliasChoices(*aliases) if aliases else None
    stated: dict[str, Any] = {"key": key, "unit": unit, "also": list(also), "added_in": added_in}
    return Field(description=text, validation_alias=choices, json_schema_extra=stated, **default)


def required(text: str, key: str | None = None, unit: str | None = None) -> Any:
    """A field that must be there and well typed. ``key``: its path in the contract's JSON, dots between levels."""
    return _field(text, key, unit)


def optional(
    text: str,
    key: str | None = None,
    unit: str | None = None,
    default: Any = None,
    also: tuple[str, ...] = (),
    added_in: str | None = None,
) -> Any:
    """A field that may be unknown (``None``). ``also``: further paths at which the contract's JSON may have it.

    ``added_in``: the migration that added the field to an event that existed before; ``None``: the event began with it.
    """
    return _field(text, key, unit, also, added_in, default=default)


def contract_key(name: str, field: FieldInfo) -> str:
    """The path of a field in the contract's JSON, dots between levels: its own name unless stated."""
    stated = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    return str(stated.get("key") or name)


def field_paths(name: str, field: FieldInfo, keys: tuple[str, ...] | None = None) -> tuple[str, ...]:
    """Every path at which a field may stand in JSON; the first whose value is known counts.

    First the contract's key (or ``keys``, where a log has others), then the field's own name, then where else the
    contract may have it. ``ts`` is no name of its own: in the contract it may be when the line was written.
    """
    stated = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    also = stated.get("also")
    others = [str(path) for path in also] if isinstance(also, list) and keys is None else []
    own = [] if name == "ts" else [name]
    return tuple(dict.fromkeys([*(keys or (contract_key(name, field),)), *own, *others]))


def added_in(field: FieldInfo) -> str | None:
    """The migration that added a field to its event, or ``None`` where the event began with it."""
    stated = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    found = stated.get("added_in")
    return None if found is None else str(found)


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
    by_content: ClassVar[bool] = False
    """Whether an event without an id is known by what it says: order events are, states and signs of life are not."""

    event_id: MaybeId = optional(
        "identity of the event: the producer's own id; without one, a hash of the fields (order events), run and number"
        " (other events of the journal) or the md5 of the line (other imported events)"
    )
    ts: Instant = required("event time")
    is_test: Flag = optional(
        "true: an event of a test (strategy smoke_test); stored, but excluded from every view", default=False
    )
    producer: MaybeText = optional("name of the producing process, or the log an imported row came from")
    run_id: MaybeId = optional("identity of the producer's run")
    hostname: MaybeText = optional("host of the producer")
    pid: MaybeWhole = optional("process id of the producer")


class Ticked(Event):
    """The account at one pass of the loop. A tick with unknown equity, or <= 0, changes nothing that is published."""

    table = "ticks"
    event_type = "tick"

    ts: Instant = required("event time", "t")
    equity_usd: MaybeNumber = optional(
        "account equity: wallet balance plus unrealised PnL", "equity", "USD", also=("nav", "nav_usd")
    )
    nav_usd: MaybeNumber = optional(
        "net asset value as reported; equal to equity where only one is known", "nav", "USD", also=("equity",)
    )
    unrealized_pnl_usd: MaybeNumber = optional("unrealised PnL over all positions", "unrealized_pnl", "USD")
    realized_pnl_usd: MaybeNumber = optional("realised PnL of the day as reported", "realized_pnl", "USD")
    position_count: MaybeWhole = optional(
        "number of open positions that came with this tick; null: it came without a list, so the number is unknown",
        unit="1",
    )

    @model_validator(mode="after")
    def _with_both_values(self) -> Self:
        """Equity and NAV are equal where a producer knows only one of them."""
        if self.equity_usd is None or self.nav_usd is None:
            known = self.nav_usd if self.equity_usd is None else self.equity_usd
            self.__dict__.update(equity_usd=known, nav_usd=known)
        return self


class PositionMarked(Event):
    """One open position at a tick, or one snapshot of an old log (``tick_id`` null).

    A position that a tick lists has the tick's ``ts``.
    """

    table = "positions"
    event_type = "position_snapshot"

    tick_id: MaybeId = optional("event_id of the tick that it came with; null: a snapshot that came without a tick")
    symbol: Symbol = required("instrument")
    side: MaybeSide = optional("LONG or SHORT as recorded; null: the sign of the quantity decides", "mode")
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
    by_content = True

    symbol: Symbol = required("instrument")
    side: MaybeSide = optional("BUY or SELL")
    attempt_id: MaybeId = optional("identity of the attempt; joins metrics, fills, closes, vetoes, shadow decisions")
    intent_id: MaybeId = optional("identity of the intent behind the attempt")
    qty: MaybeNumber = optional("requested quantity", unit="base units")
    price_hint: MaybeNumber = optional("price the decision was taken at", unit="quote/base")
    strategy: MaybeText = optional("strategy that asked for the order")
    signal_ts: MaybeInstant = optional("time of the signal behind the intent")
    reduce_only: MaybeFlag = optional("true: the order may only reduce a position")
    confidence: MaybeNumber = optional("confidence of the signal", unit="0..1")
    expected_edge: MaybeNumber = optional("expected edge of the signal", unit="1")
    decision_latency_ms: MaybeNumber = optional("time from signal to decision", unit="ms")
    nav_snapshot: MaybeDocument = optional("NAV and gross exposure the decision saw")
    bid_price: MaybeNumber = optional("best bid at decision", unit="quote/base")
    ask_price: MaybeNumber = optional("best ask at decision", unit="quote/base")
    mark_price: MaybeNumber = optional("mark price at decision", unit="quote/base")


class OrderAcked(Event):
    """The venue accepted an order. Old runtimes wrote an ack as two rows of different ``source``; views merge them."""

    table = "order_acks"
    event_type = "order_ack"
    by_content = True

    ts: Instant = required("event time: the venue's acknowledgement", "ts_ack")
    symbol: Symbol = required("instrument")
    side: Side = required("BUY or SELL")
    order_id: Id = required("venue's order id; joins fills and closes by (symbol, order_id)", "orderId")
    client_order_id: Id = required("client order id", "clientOrderId")
    request_qty: Number = required("requested quantity", unit="base units")
    order_type: Text = required("order type, e.g. MARKET or LIMIT")
    status: Text = required("venue's status; DRY marks a dry run")
    price: MaybeNumber = optional(
        "limit price of the order; 0 for market orders: it is not a fill price", unit="quote/base"
    )
    position_side: MaybeSide = optional("LONG, SHORT or BOTH", "positionSide")
    reduce_only: MaybeFlag = optional("true: the order may only reduce a position", "reduceOnly")
    latency_ms: MaybeNumber = optional("time from submission to acknowledgement", unit="ms")
    attempt_id: MaybeId = optional("attempt the order belongs to")
    intent_id: MaybeId = optional("intent the order belongs to")
    strategy: MaybeText = optional("strategy that asked for the order")
    source: MaybeText = optional(
        "event type the row was logged under: order_ack or order_executed", "event_type", default="order_ack"
    )
    bid_price: MaybeNumber = optional("best bid at the ack", unit="quote/base")
    ask_price: MaybeNumber = optional("best ask at the ack", unit="quote/base")
    mark_price: MaybeNumber = optional("mark price at the ack", unit="quote/base")


class OrderFilled(Event):
    """What is filled of an order so far. Rows are cumulative: the latest row of an order counts."""

    table = "order_fills"
    event_type = "order_fill"
    by_content = True

    ts: Instant = required("event time: the last fill", "ts_fill_last")
    ts_fill_first: Instant = required("time of the first fill")
    symbol: Symbol = required("instrument")
    side: Side = required("BUY or SELL")
    order_id: Id = required("venue's order id; joins acks and closes by (symbol, order_id)", "orderId")
    client_order_id: Id = required("client order id", "clientOrderId")
    executed_qty: Number = required("filled quantity so far", "executedQty", "base units")
    avg_price: Number = required("average fill price so far", "avgPrice", "quote/base")
    fee_total: Number = required("fees so far, in fee_asset", unit="fee asset")
    fee_asset: Text = required("asset the fee is paid in", "feeAsset")
    trade_ids: Items = required("venue's trade ids", "tradeIds")
    status: Text = required("venue's status")
    position_side: MaybeSide = optional("LONG, SHORT or BOTH", "positionSide")
    reduce_only: MaybeFlag = optional("true: the order may only reduce a position", "reduceOnly")
    latency_ms: MaybeNumber = optional("time from submission to the last fill", unit="ms")
    attempt_id: MaybeId = optional("attempt the order belongs to")
    intent_id: MaybeId = optional("intent the order belongs to")
    strategy: MaybeText = optional("strategy that asked for the order")
    bid_price: MaybeNumber = optional("best bid at the fill", unit="quote/base")
    ask_price: MaybeNumber = optional("best ask at the fill", unit="quote/base")
    mark_price: MaybeNumber = optional("mark price at the fill", unit="quote/base")
    maker_qty: MaybeNumber = optional("quantity filled as maker so far", unit="base units", added_in="0009")
    fees_by_asset: MaybeDocument = optional(
        "fees so far as an object {asset: amount}, where they were paid in several assets; positive is paid",
        added_in="0009",
    )


class OrderClosed(Event):
    """An order reduced or closed a position: one trade of the expectancy statistics."""

    table = "order_closes"
    event_type = "order_close"
    by_content = True

    ts: Instant = required("event time: the close", "ts_close")
    symbol: Symbol = required("instrument")
    order_id: Id = required("venue's order id of the closing order", "orderId")
    client_order_id: Id = required("client order id of the closing order", "clientOrderId")
    realized_pnl_usd: Number = required(
        "realised PnL before fees; 0 is a trade that gained and lost nothing", "realizedPnlUsd", "USD"
    )
    fees_usd: Number = required("fees of the closing order", "fees_total", "USD")
    position_size_before: Number = required("signed position before the close", unit="base units")
    position_size_after: Number = required("signed position after the close", unit="base units")
    closed_qty: MaybeNumber = optional("quantity closed; null: |before - after|", unit="base units")
    position_side: MaybeSide = optional("LONG, SHORT or BOTH", "positionSide")
    reduce_only: MaybeFlag = optional("true: the order may only reduce a position", "reduceOnly")
    latency_ms: MaybeNumber = optional("time from submission to the close", unit="ms")
    attempt_id: MaybeId = optional("attempt the closing order belongs to")
    intent_id: MaybeId = optional("intent the closing order belongs to")
    strategy: MaybeText = optional("strategy that asked for the order")


class OrderFailed(Event):
    """An order failed: the venue refused it, or the request did not get through."""

    table = "order_errors"
    event_type = "order_error"
    by_content = True

    symbol: Symbol = required("instrument")
    side: MaybeSide = optional("BUY or SELL")
    order_type: MaybeText = optional("order type, e.g. MARKET or LIMIT")
    price: MaybeNumber = optional("price asked for", unit="quote/base")
    qty: MaybeNumber = optional("quantity asked for", unit="base units")
    error: MaybeText = optional("the error as the venue or client worded it", "exc")
    dry_run: MaybeFlag = optional("true: a dry run, which sends no order to the venue")
    position_side: MaybeSide = optional("LONG, SHORT or BOTH")
    reduce_only: MaybeFlag = optional("true: the order may only reduce a position")
    attempt_id: MaybeId = optional("attempt the order belongs to")
    payload: MaybeDocument = optional("the request as sent, without secrets")
    cancel_reason: MaybeText = optional("why the venue ended the order, in the venue's words", added_in="0009")


class FundingSettled(Event):
    """Funding of a position was paid or received."""

    table = "funding_payments"
    event_type = "funding"

    symbol: Symbol = required("instrument")
    amount_usd: Number = required("amount received; negative: amount paid", unit="USD")


class TransferRecorded(Event):
    """Money or an asset came into the account or left it. Of several rows with one transfer_id the earliest counts."""

    table = "transfers"
    event_type = "transfer"

    amount_usd: Number = required("value of what came in; negative: of what went out", unit="USD")
    asset: MaybeText = optional("asset that was moved")
    amount: MaybeNumber = optional("quantity of the asset, signed like amount_usd", unit="asset")
    transfer_id: MaybeId = optional(
        "the venue's id of the transfer, by which a second row of it is recognised; null: the row counts by itself"
    )
    kind: MaybeText = optional("deposit, withdrawal or internal (between accounts of one owner)")
    note: MaybeText = optional("free text")


class OrderMeasured(Event):
    """What the router measured of one attempt. Rows with ``kind`` position_close are notes about closes instead."""

    table = "order_metrics"
    event_type = "order_metric"
    by_content = True

    kind: MaybeText = optional("null: a router metric; position_close: a note about a close", "event")
    attempt_id: MaybeId = optional("attempt that was measured; of several rows the latest counts")
    intent_id: MaybeId = optional("intent behind the attempt")
    venue: MaybeText = optional("venue")
    route: MaybeText = optional("route taken, e.g. maker, taker, market")
    symbol: MaybeSymbol = optional("instrument")
    side: MaybeSide = optional("BUY or SELL")
    mark_price: MaybeNumber = optional("mark price at decision", "prices.mark", "quote/base")
    submitted_price: MaybeNumber = optional("price submitted", "prices.submitted", "quote/base")
    avg_fill_price: MaybeNumber = optional("average fill price", "prices.avg_fill", "quote/base")
    contracts_qty: MaybeNumber = optional("quantity", "qty.contracts", "base units")
    notional_usd: MaybeNumber = optional("notional", "qty.notional_usd", "USD")
    decision_ms: MaybeNumber = optional("time from signal to decision", "timing_ms.decision", "ms")
    submit_ms: MaybeNumber = optional("time from decision to submission", "timing_ms.submit", "ms")
    ack_ms: MaybeNumber = optional("time from submission to acknowledgement", "timing_ms.ack", "ms")
    fill_ms: MaybeNumber = optional("time from acknowledgement to fill", "timing_ms.fill", "ms")
    status: MaybeText = optional("venue's final status", "result.status")
    retries: MaybeWhole = optional("retries", "result.retries", "1")
    is_cancelled: MaybeFlag = optional("the order was cancelled", "result.cancelled")
    fees_usd: MaybeNumber = optional("fees", unit="USD")
    slippage_bps: MaybeNumber = optional(
        "slippage as logged, positive is a cost; views compute it from the prices where those are known", unit="bps"
    )
    ack_latency_ms: MaybeNumber = optional("acknowledgement latency as logged", unit="ms")
    maker_start: MaybeFlag = optional("the router began as maker")
    is_maker_final: MaybeFlag = optional("the order was filled as maker")
    used_fallback: MaybeFlag = optional("the router fell back to taker; null counts as false")
    policy_maker_first: MaybeFlag = optional("policy in force: begin as maker", "policy.maker_first")
    policy_taker_bias: MaybeText = optional(
        "policy in force: prefer_maker, balanced or prefer_taker", "policy.taker_bias"
    )
    policy_quality: MaybeText = optional("policy in force: the router quality that it was based on", "policy.quality")
    policy_reason: MaybeText = optional("policy in force: its reason", "policy.reason")
    policy_offset_bps: MaybeNumber = optional("policy in force: maker offset", "policy.offset_bps", "bps")
    autotune_applied: MaybeFlag = optional("a suggestion was applied to the policy")
    policy_before: MaybeDocument = optional("policy before autotune")
    policy_after: MaybeDocument = optional("policy after autotune")
    pnl_at_close_usd: MaybeNumber = optional("position_close rows: PnL as logged", unit="USD")
    order_status: MaybeText = optional("position_close rows: status of the closing order")
    end_bid_price: MaybeNumber = optional("best bid when the attempt ended", unit="quote/base", added_in="0009")
    end_ask_price: MaybeNumber = optional("best ask when the attempt ended", unit="quote/base", added_in="0009")
    end_mark_price: MaybeNumber = optional("mark price when the attempt ended", unit="quote/base", added_in="0009")
    cancel_reason: MaybeText = optional(
        "why the last order ended unfilled, in the venue's words", "result.cancel_reason", added_in="0009"
    )


class IntentVetoed(Event):
    """A risk check refused an intent. Old executors logged one veto twice, raw and canonical; views merge the twins."""

    table = "vetoes"
    event_type = "risk_veto"
    by_content = True

    symbol: Symbol = required("instrument")
    veto_reason: Text = required("reason as logged; views translate it into a canonical name")
    original_reason: MaybeText = optional("reason before its translation into a canonical name")
    side: MaybeSide = optional("BUY or SELL")
    position_side: MaybeSide = optional("LONG or SHORT; only the raw rows of old executors have it")
    strategy: MaybeText = optional("strategy that asked for the order")
    qty_req: MaybeNumber = optional("requested quantity", unit="base units")
    signal_ts: MaybeInstant = optional("time of the signal behind the intent")
    attempt_id: MaybeId = optional("attempt that was vetoed", "attempt_id", also=("veto_detail.intent.attempt_id",))
    intent_id: MaybeId = optional("intent that was vetoed", "intent_id", also=("veto_detail.intent.intent_id",))
    veto_detail: MaybeDocument = optional("what the check saw: reasons, thresholds, observations, the intent")
    thresholds: MaybeDocument = optional("limits that applied")
    context: MaybeDocument = optional("account and market around the check")
    bid_price: MaybeNumber = optional("best bid at the veto", unit="quote/base")
    ask_price: MaybeNumber = optional("best ask at the veto", unit="quote/base")
    mark_price: MaybeNumber = optional("mark price at the veto", unit="quote/base")


class ShadowDecided(Event):
    """The candidate pipeline's decision on the same inputs. Heartbeats are logged and never counted."""

    table = "shadow_decisions"
    event_type = "shadow_decision"
    by_content = True
    whole = "decision"

    ts: Instant = required("event time: the decision", "timestamp")
    symbol: MaybeSymbol = optional("instrument; heartbeats may have none", "symbol", also=("intent.symbol",))
    attempt_id: MaybeId = optional(
        "live attempt that the decision is about; null: none", "attempt_id", also=("intent.attempt_id",)
    )
    is_heartbeat: Flag = optional("a sign of life, not a decision", "heartbeat", default=False)
    is_allowed: MaybeFlag = optional("the candidate pipeline would trade", "risk_decision.allowed")
    decision: MaybeDocument = optional("the whole decision as its producer wrote it")


class HeartbeatSent(Event):
    """A service reported that it is running."""

    table = "heartbeats"
    event_type = "heartbeat"

    service: Text = required("service")
    lag_s: MaybeNumber = optional("delay of the service's loop", "lag_secs", "s")
    queue_depth: MaybeNumber = optional("number of items that wait to be processed", unit="1")


class SymbolToggled(Event):
    """A symbol was switched off or on again by hand or by a guard. The latest row of a symbol counts."""

    table = "symbol_toggles"
    event_type = "symbol_toggle"

    symbol: Symbol = required("instrument")
    is_disabled: Flag = required("true: no new positions", "disabled")
    until_ts: MaybeInstant = optional("end of the toggle; null: until it is toggled again", "disabled_until")
    reason: MaybeText = optional("why")


class FlagsRecorded(Event):
    """The runtime's flags and mode at a moment; the newest row at an instant counts."""

    table = "flag_snapshots"
    event_type = "flag_snapshot"

    is_intel_on: Flag = required("expectancy and symbol scores are computed", "INTEL_V6_ENABLED")
    is_risk_engine_on: Flag = required("the risk engine is on", "RISK_ENGINE_V6_ENABLED")
    is_pipeline_shadow_on: Flag = required("shadow head and compare are computed", "PIPELINE_V6_SHADOW_ENABLED")
    is_router_autotune_on: Flag = required("policy suggestions are computed", "ROUTER_AUTOTUNE_V6_ENABLED")
    is_feedback_allocator_on: Flag = required("allocations are computed", "FEEDBACK_ALLOCATOR_V6_ENABLED")
    is_router_autotune_apply_on: Flag = required("suggestions are applied", "ROUTER_AUTOTUNE_V6_APPLY_ENABLED")
    env: Text = required("environment as the runtime reports it, e.g. dev or prod", "ENV")
    dry_run: Text = required("whether orders are only simulated, as the runtime reports it", "DRY_RUN")
    testnet: Text = required("whether the venue is its test network, as the runtime reports it", "BINANCE_TESTNET")
    engine_version: Text = required("version of the engine, never empty")


class ConfigChanged(Event):
    """Limits or universe from an instant on: the newest row of a kind counts."""

    table = "config_snapshots"
    event_type = "config_snapshot"

    kind: Text = required("limits or universe")
    payload: Document = required("the whole document, in the shape of risk_limits.json or pairs_universe.json")


class RouterHealthLogged(Event):
    """A line of an old runtime's router_health.jsonl: what it published then, kept as it was."""

    table = "router_health_log"
    event_type = "router_health"
    whole = "payload"

    payload: Document = required("the whole line")


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
    TransferRecorded,
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
        self.reason = f"{field:.100}: expected {expected}, found {found}"
        super().__init__(f"{event_type!s:.60}: {self.reason}")


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
    fields, rest = read_fields(event, payload)
    if event.whole is not None:
        fields[event.whole] = {
            key: item.isoformat() if isinstance(item, datetime) else item
            for key, item in payload.items()
            if key != "event_id"
        }
        rest = {}
    if twice := {key: rest.pop(key) for key in rest.keys() & event.model_fields.keys()}:
        rest["extra"] = twice
    try:
        return event.model_validate({**rest, **fields})
    except ValidationError:
        # a document holds what JSON does not know, such as an instant: it is made text, and the trader goes on
        documents = {name: values.as_json(fields[name]) for name in document_fields(event) & fields.keys()}
        return event.model_validate({**rest, **fields, **documents})


def read_fields(
    event: type[Event], payload: Mapping[str, Any], layout: Layout | None = None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the fields of an event that are known, typed, and what of the payload has no field.

    ``layout``: where the fields stand, if not where the contract has them.

    Raises:
        EventRefused: a required field is missing, or a field is wrongly typed.
    """
    layout = layout or contract_layout(event)
    rest = {_key(key): item for key, item in payload.items()}
    given = rest.copy()
    for parent in layout.parents:
        if not isinstance(given.get(parent, {}), (Mapping, NoneType)):
            raise EventRefused(event.event_type, parent, "an object", _shown(given[parent]))
    fields = {
        place.name: value for place in layout.places if (value := _read(event, place, layout, given, rest)) is not None
    }
    for key in ("ts", "event_type"):
        rest.pop(key, None)
    if given.get("strategy") == TEST_STRATEGY:
        fields["is_test"] = True
    return fields, {key: item for key, item in rest.items() if key not in layout.parents or item}


def _read(event: type[Event], place: Place, layout: Layout, given: dict[str, Any], rest: dict[str, Any]) -> Any:
    """The first value that is known at the paths of a field; what stands there is taken out of ``rest``.

    A value that the field cannot be refuses the event, though a later path may have a good one. A second key with a
    value of its own stays in ``rest``.
    """
    known = seen = None
    for path in place.paths:
        if known is None or path[0] not in layout.other_keys:
            _take_out(rest, path, layout.parents)
        if (found := _at(given, path)) is None:
            continue
        seen = found if seen is None else seen
        try:
            known = place.read(found) if known is None else known
        except ValueError:
            raise EventRefused(event.event_type, ".".join(path), place.expected, _shown(found)) from None
    if known is None and place.is_required:
        key = ".".join(place.paths[0])
        found = "nothing" if seen is None or seen == "" else _shown(seen)
        raise EventRefused(event.event_type, key, place.expected, found)
    return known


class Place(NamedTuple):
    """Where a field stands, the first path whose value is known counts, and how its values are read."""

    name: str
    paths: tuple[tuple[str, ...], ...]
    read: Callable[[object], Any]
    expected: str
    is_required: bool


class Layout(NamedTuple):
    """Where all fields of an event stand.

    ``parents``: the objects that hold some of them; ``other_keys``: keys at which fields may stand whose first is
    another.
    """

    places: tuple[Place, ...]
    parents: frozenset[str]
    other_keys: frozenset[str]


def layout_of(
    event: type[Event], keys: Mapping[str, tuple[str, ...]], may_lack: Container[str] = (), left: Container[str] = ()
) -> Layout:
    """The places of the fields. ``keys``: paths that differ from the contract's; ``may_lack``: required fields that
    need not be there; ``left``: fields that are not read."""
    documents = document_fields(event)
    places = []
    for name, field in event.model_fields.items():
        if name in left:
            continue
        read: Any = next(part.func for part in field.metadata if isinstance(part, BeforeValidator))
        read = read.args[0] if isinstance(read, partial) else read
        paths = tuple(tuple(path.split(".")) for path in field_paths(name, field, keys.get(name)))
        is_required = field.is_required() and name not in may_lack and name != event.whole
        places.append(Place(name, paths, read, _EXPECTED[read], is_required))
    parents = {path[0] for place in places for path in place.paths if len(path) > 1} - documents
    first = {place.paths[0][0] for place in places}
    others = {path[0] for place in places for path in place.paths if len(path) == 1} - first
    return Layout(tuple(places), frozenset(parents), frozenset(others))


@cache
def contract_layout(event: type[Event]) -> Layout:
    """The places of the fields in the contract's JSON."""
    return layout_of(event, {}, left=() if event.whole is None else (event.whole,))


_HALF_PAIR = re.compile(r"\\ud[89a-f][0-9a-f]{2}")
_REPR = Repr()
_REPR.maxstring = _REPR.maxother = _REPR.maxlong = 60


def _shown(value: object) -> str:
    """A value in a message: short, however long or deep it is."""
    try:
        return _HALF_PAIR.sub("?", _REPR.repr(value))[:60]
    except ValueError:  # more digits than Python writes
        return f"a long {type(value).__name__}"


def _key(key: object) -> str:
    """A key as text that can be written: half a surrogate pair cannot."""
    return str(key).encode("utf-8", "replace").decode()


_EXPECTED: dict[Any, str] = {
    values.number: "a number",
    values.whole_number: "a whole number",
    values.instant: "an instant",
    values.flag: "true or false",
    values.identity: "an id",
    values.text: "text",
    values.name: "text",
    values.a_list: "a list",
    values.document: "a document",
}


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for part in path:
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _take_out(rest: dict[str, Any], path: tuple[str, ...], parents: Container[str]) -> None:
    """Takes what stands at a path out of a copy of the payload; an inner object is copied before it is changed."""
    first, *below = path
    if not below:
        rest.pop(first, None)
    elif first in parents and isinstance(rest.get(first), Mapping):
        rest[first] = dict(rest[first])
        _take_out(rest[first], tuple(below), below)
