"""Event tables and the store's own

Revision ID: 0001
Revises:
Create Date: 2026-11-22

Frozen literals: what the tables were when this revision was made, whatever the events have become since.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TEXT, DOUBLE, BIGINT, BOOLEAN, JSON = sa.String(), sa.Double(), sa.BigInteger(), sa.Boolean(), sa.JSON()
INSTANT = sa.TIMESTAMP(timezone=True)


def column(name, kind, comment, *, nullable=True):
    return sa.Column(name, kind, nullable=nullable, comment=comment)


def event_table(name, comment, *columns, ts="event time"):
    op.create_table(
        name,
        column("event_id", TEXT, "identity of the event, set by its producer; imported rows: md5 of the raw line", nullable=False),
        column("ts", INSTANT, ts, nullable=False),
        *columns,
        column("is_test", BOOLEAN, "test noise (strategy smoke_test): stored, excluded from every view", nullable=False),
        column("producer", TEXT, "name of the producing process, or the log an imported row came from"),
        column("run_id", TEXT, "identity of the producer's run"),
        column("hostname", TEXT, "host of the producer"),
        column("pid", BIGINT, "process id of the producer"),
        column("received_ts", INSTANT, "arrival time: when the store, or the log an imported row came from, wrote it down", nullable=False),
        column("ingest_seq", BIGINT, "number of the stored row, growing over all tables: what was known when", nullable=False),
        column("extra", JSON, "whatever came with the event and has no column"),
        comment=comment,
    )


def upgrade() -> None:
    event_table(
        "ticks",
        "One pass of the executor's loop: the account as it stood. Equity <= 0 or unknown is stored and moves nothing.",
        column("equity_usd", DOUBLE, "account equity: wallet balance plus unrealised PnL [USD]"),
        column("nav_usd", DOUBLE, "net asset value as reported; equal to equity where only one is known [USD]"),
        column("unrealized_pnl_usd", DOUBLE, "unrealised PnL over all positions [USD]"),
        column("realized_pnl_usd", DOUBLE, "realised PnL of the day as reported [USD]"),
        column("position_count", BIGINT, "positions this tick lists; null: it lists none of them, not even zero [1]"),
    )
    event_table(
        "positions",
        "One open position at a tick, or one snapshot of an old log (``tick_id`` null).",
        column("tick_id", TEXT, "event_id of the tick that lists it; null: a snapshot of its own"),
        column("symbol", TEXT, "instrument"),
        column("side", TEXT, "LONG or SHORT as given; null: the sign of the quantity tells"),
        column("qty", DOUBLE, "signed quantity, negative is short [base units]"),
        column("entry_price", DOUBLE, "average entry price [quote/base]"),
        column("mark_price", DOUBLE, "mark price of the moment [quote/base]"),
        column("unrealized_pnl_usd", DOUBLE, "unrealised PnL as reported [USD]"),
        column("leverage", DOUBLE, "leverage setting [1]"),
    )
    event_table(
        "marks",
        "The market of one symbol at one moment.",
        column("symbol", TEXT, "instrument"),
        column("mark_price", DOUBLE, "mark price [quote/base]"),
        column("bid_price", DOUBLE, "best bid [quote/base]"),
        column("ask_price", DOUBLE, "best ask [quote/base]"),
    )
    event_table(
        "order_attempts",
        "An intent that passed every check and went to the router.",
        column("symbol", TEXT, "instrument"),
        column("side", TEXT, "BUY or SELL"),
        column("attempt_id", TEXT, "identity of the attempt; joins metrics, fills, closes, vetoes, shadow decisions"),
        column("intent_id", TEXT, "identity of the intent behind the attempt"),
        column("qty", DOUBLE, "requested quantity [base units]"),
        column("price_hint", DOUBLE, "price the decision was taken at [quote/base]"),
        column("strategy", TEXT, "strategy that asked"),
        column("signal_ts", INSTANT, "time of the signal behind the intent"),
        column("reduce_only", BOOLEAN, "may only reduce a position"),
        column("confidence", DOUBLE, "confidence of the signal [0..1]"),
        column("expected_edge", DOUBLE, "expected edge of the signal [1]"),
        column("decision_latency_ms", DOUBLE, "signal to decision [ms]"),
        column("nav_snapshot", JSON, "NAV and gross exposure the decision saw"),
        column("bid_price", DOUBLE, "best bid at decision [quote/base]"),
        column("ask_price", DOUBLE, "best ask at decision [quote/base]"),
        column("mark_price", DOUBLE, "mark price at decision [quote/base]"),
    )
    event_table(
        "order_acks",
        "The venue accepted an order. Old runtimes wrote an ack in two halves, told by ``source``; views merge them.",
        column("symbol", TEXT, "instrument"),
        column("side", TEXT, "BUY or SELL"),
        column("order_id", TEXT, "venue's order id; joins fills and closes by (symbol, order_id)"),
        column("client_order_id", TEXT, "client order id"),
        column("request_qty", DOUBLE, "requested quantity [base units]"),
        column("order_type", TEXT, "order type, e.g. MARKET or LIMIT"),
        column("status", TEXT, "venue's status; DRY marks a dry run"),
        column("price", DOUBLE, "price of the ack; 0 on market orders, which is not a fill [quote/base]"),
        column("position_side", TEXT, "LONG, SHORT or BOTH"),
        column("reduce_only", BOOLEAN, "may only reduce a position"),
        column("latency_ms", DOUBLE, "submit to acknowledgement [ms]"),
        column("attempt_id", TEXT, "attempt the order belongs to"),
        column("intent_id", TEXT, "intent the order belongs to"),
        column("strategy", TEXT, "strategy that asked"),
        column("source", TEXT, "event type the row was logged under: order_ack or order_executed"),
        column("bid_price", DOUBLE, "best bid at the ack [quote/base]"),
        column("ask_price", DOUBLE, "best ask at the ack [quote/base]"),
        column("mark_price", DOUBLE, "mark price at the ack [quote/base]"),
        ts="event time: the venue's acknowledgement",
    )
    event_table(
        "order_fills",
        "The fill state of an order, cumulative: of several rows of one order the latest counts.",
        column("ts_fill_first", INSTANT, "time of the first fill"),
        column("symbol", TEXT, "instrument"),
        column("side", TEXT, "BUY or SELL"),
        column("order_id", TEXT, "venue's order id; joins acks and closes by (symbol, order_id)"),
        column("client_order_id", TEXT, "client order id"),
        column("executed_qty", DOUBLE, "filled quantity so far [base units]"),
        column("avg_price", DOUBLE, "average fill price so far [quote/base]"),
        column("fee_total", DOUBLE, "fees so far, in fee_asset [fee asset]"),
        column("fee_asset", TEXT, "asset the fee is paid in"),
        column("trade_ids", JSON, "venue's trade ids"),
        column("status", TEXT, "venue's status"),
        column("position_side", TEXT, "LONG, SHORT or BOTH"),
        column("reduce_only", BOOLEAN, "may only reduce a position"),
        column("latency_ms", DOUBLE, "submit to last fill [ms]"),
        column("attempt_id", TEXT, "attempt the order belongs to"),
        column("intent_id", TEXT, "intent the order belongs to"),
        column("strategy", TEXT, "strategy that asked"),
        column("bid_price", DOUBLE, "best bid at the fill [quote/base]"),
        column("ask_price", DOUBLE, "best ask at the fill [quote/base]"),
        column("mark_price", DOUBLE, "mark price at the fill [quote/base]"),
        ts="event time: the last fill",
    )
    event_table(
        "order_closes",
        "An order reduced or closed a position: one trade of the expectancy statistics.",
        column("symbol", TEXT, "instrument"),
        column("order_id", TEXT, "venue's order id of the closing order"),
        column("client_order_id", TEXT, "client order id of the closing order"),
        column("realized_pnl_usd", DOUBLE, "realised PnL gross of fees; a true 0 is a trade [USD]"),
        column("fees_usd", DOUBLE, "fees of the closing order [USD]"),
        column("position_size_before", DOUBLE, "signed position before the close [base units]"),
        column("position_size_after", DOUBLE, "signed position after the close [base units]"),
        column("closed_qty", DOUBLE, "quantity closed; null: |before - after| [base units]"),
        column("position_side", TEXT, "LONG, SHORT or BOTH"),
        column("reduce_only", BOOLEAN, "may only reduce a position"),
        column("latency_ms", DOUBLE, "submit to close [ms]"),
        column("attempt_id", TEXT, "attempt the closing order belongs to"),
        column("intent_id", TEXT, "intent the closing order belongs to"),
        column("strategy", TEXT, "strategy that asked"),
        ts="event time: the close",
    )
    event_table(
        "order_errors",
        "The venue or the way to it refused an order.",
        column("symbol", TEXT, "instrument"),
        column("side", TEXT, "BUY or SELL"),
        column("order_type", TEXT, "order type, e.g. MARKET or LIMIT"),
        column("price", DOUBLE, "price asked for [quote/base]"),
        column("qty", DOUBLE, "quantity asked for [base units]"),
        column("error", TEXT, "the error as the venue or client worded it"),
        column("dry_run", BOOLEAN, "no order would have reached the venue"),
        column("position_side", TEXT, "LONG, SHORT or BOTH"),
        column("reduce_only", BOOLEAN, "may only reduce a position"),
        column("attempt_id", TEXT, "attempt the order belongs to"),
        column("payload", JSON, "the request as sent, without secrets"),
    )
    event_table(
        "order_metrics",
        "How the router did on one attempt. Rows with ``kind`` position_close are no router metrics.",
        column("kind", TEXT, "null: a router metric; position_close: a note about a close"),
        column("attempt_id", TEXT, "attempt that is measured; several rows: the latest counts"),
        column("intent_id", TEXT, "intent behind the attempt"),
        column("venue", TEXT, "venue"),
        column("route", TEXT, "route taken, e.g. maker, taker, market"),
        column("symbol", TEXT, "instrument"),
        column("side", TEXT, "BUY or SELL"),
        column("mark_price", DOUBLE, "mark price at decision [quote/base]"),
        column("submitted_price", DOUBLE, "price submitted [quote/base]"),
        column("avg_fill_price", DOUBLE, "average fill price [quote/base]"),
        column("contracts_qty", DOUBLE, "quantity [base units]"),
        column("notional_usd", DOUBLE, "notional [USD]"),
        column("decision_ms", DOUBLE, "signal to decision [ms]"),
        column("submit_ms", DOUBLE, "decision to submit [ms]"),
        column("ack_ms", DOUBLE, "submit to acknowledgement [ms]"),
        column("fill_ms", DOUBLE, "acknowledgement to fill [ms]"),
        column("status", TEXT, "venue's final status"),
        column("retries", BIGINT, "retries [1]"),
        column("is_cancelled", BOOLEAN, "the order was cancelled"),
        column("fees_usd", DOUBLE, "fees [USD]"),
        column("slippage_bps", DOUBLE, "slippage as logged, positive is cost; views prefer the prices [bps]"),
        column("ack_latency_ms", DOUBLE, "acknowledgement latency as logged [ms]"),
        column("maker_start", BOOLEAN, "the router began as maker"),
        column("is_maker_final", BOOLEAN, "the order was filled as maker"),
        column("used_fallback", BOOLEAN, "the router fell back to taker; null counts as false"),
        column("policy_maker_first", BOOLEAN, "policy: begin as maker"),
        column("policy_taker_bias", TEXT, "policy: prefer_maker, balanced or prefer_taker"),
        column("policy_quality", TEXT, "policy: router quality it was based on"),
        column("policy_reason", TEXT, "policy: why"),
        column("policy_offset_bps", DOUBLE, "policy: maker offset [bps]"),
        column("autotune_applied", BOOLEAN, "a suggestion was applied to the policy"),
        column("policy_before", JSON, "policy before autotune"),
        column("policy_after", JSON, "policy after autotune"),
        column("pnl_at_close_usd", DOUBLE, "position_close rows: PnL as logged [USD]"),
        column("order_status", TEXT, "position_close rows: status of the closing order"),
    )
    event_table(
        "vetoes",
        "A risk check refused an intent. Old executors logged one veto twice, raw and canonical; views merge the twins.",
        column("symbol", TEXT, "instrument"),
        column("veto_reason", TEXT, "reason as logged; views make it canonical"),
        column("original_reason", TEXT, "reason before it was made canonical"),
        column("side", TEXT, "BUY or SELL"),
        column("position_side", TEXT, "LONG or SHORT; its presence marks a raw row"),
        column("strategy", TEXT, "strategy that asked"),
        column("qty_req", DOUBLE, "requested quantity [base units]"),
        column("signal_ts", INSTANT, "time of the signal behind the intent"),
        column("attempt_id", TEXT, "attempt that was vetoed"),
        column("intent_id", TEXT, "intent that was vetoed"),
        column("veto_detail", JSON, "what the check saw: reasons, thresholds, observations, the intent"),
        column("thresholds", JSON, "limits that applied"),
        column("context", JSON, "account and market around the check"),
        column("bid_price", DOUBLE, "best bid at the veto [quote/base]"),
        column("ask_price", DOUBLE, "best ask at the veto [quote/base]"),
        column("mark_price", DOUBLE, "mark price at the veto [quote/base]"),
    )
    event_table(
        "shadow_decisions",
        "The candidate pipeline's decision on the same inputs. Heartbeats are logged and never counted.",
        column("symbol", TEXT, "instrument; heartbeats may have none"),
        column("attempt_id", TEXT, "live attempt it shadows; null: none"),
        column("is_heartbeat", BOOLEAN, "a sign of life, not a decision"),
        column("is_allowed", BOOLEAN, "the candidate pipeline would trade"),
        column("decision", JSON, "the decision, whole, as its producer wrote it"),
        ts="event time: the decision",
    )
    event_table(
        "heartbeats",
        "A service said that it lives.",
        column("service", TEXT, "service"),
        column("lag_s", DOUBLE, "how far its loop lags [s]"),
        column("queue_depth", DOUBLE, "work waiting [1]"),
    )
    event_table(
        "symbol_toggles",
        "A symbol was switched off or on again by hand or by a guard. The latest row of a symbol counts.",
        column("symbol", TEXT, "instrument"),
        column("is_disabled", BOOLEAN, "true: no new positions"),
        column("until_ts", INSTANT, "end of the toggle; null: until it is toggled again"),
        column("reason", TEXT, "why"),
    )
    event_table(
        "flag_snapshots",
        "The runtime's flags and mode at a moment; the newest row at an instant counts.",
        column("is_intel_on", BOOLEAN, "expectancy and symbol scores are computed"),
        column("is_risk_engine_on", BOOLEAN, "the risk engine is on"),
        column("is_pipeline_shadow_on", BOOLEAN, "shadow head and compare are computed"),
        column("is_router_autotune_on", BOOLEAN, "policy suggestions are computed"),
        column("is_feedback_allocator_on", BOOLEAN, "allocations are computed"),
        column("is_router_autotune_apply_on", BOOLEAN, "suggestions are applied"),
        column("env", TEXT, "environment the runtime says it runs in"),
        column("dry_run", TEXT, "no order reaches a venue, as the runtime says it"),
        column("testnet", TEXT, "the venue's test network, as the runtime says it"),
        column("engine_version", TEXT, "version of the engine, never empty"),
    )
    event_table(
        "config_snapshots",
        "Limits or universe as of a moment: the newest row of a kind at an instant counts.",
        column("kind", TEXT, "limits or universe"),
        column("payload", JSON, "the whole document, in the shape of risk_limits.json or pairs_universe.json"),
    )
    event_table(
        "router_health_log",
        "A line of an old runtime's router_health.jsonl: what it published then, kept as it was.",
        column("payload", JSON, "the line, whole"),
    )
    op.create_table(
        "applied_sql",
        column("name", TEXT, "macro or view", nullable=False),
        column("digest", TEXT, "sha256 of its SQL and of all it reads", nullable=False),
        comment="Which version of each macro and view the database holds.",
    )
    op.create_table(
        "ingest_counter",
        column("last_ingest_seq", BIGINT, "the last ingest_seq given out", nullable=False),
        comment="One row: the counter behind ingest_seq, moved in the transaction that stores the rows.",
    )
    op.create_table(
        "rejected_events",
        column("event_id", TEXT, "md5 of the refused line", nullable=False),
        column("rejected_ts", INSTANT, "when it was refused", nullable=False),
        column("source", TEXT, "file it came from", nullable=False),
        column("line", BIGINT, "line number in that file, from 1", nullable=False),
        column("reason", TEXT, "field, what was expected and what was found", nullable=False),
        column("raw", TEXT, "the line, whole; bytes that are no UTF-8 as \\xNN", nullable=False),
        comment="What could not be stored, kept whole with the reason.",
    )


def downgrade() -> None:
    for name in (
        "ticks",
        "positions",
        "marks",
        "order_attempts",
        "order_acks",
        "order_fills",
        "order_closes",
        "order_errors",
        "order_metrics",
        "vetoes",
        "shadow_decisions",
        "heartbeats",
        "symbol_toggles",
        "flag_snapshots",
        "config_snapshots",
        "router_health_log",
        "applied_sql",
        "ingest_counter",
        "rejected_events",
    ):
        op.drop_table(name)
