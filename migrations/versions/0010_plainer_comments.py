"""Comments of tables and columns in plainer words

Revision ID: 0010
Revises: 0009
Create Date: 2026-12-01

Frozen literals: the comments before this revision and since.
"""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_COLUMNS = (
    (("config_snapshots", "flag_snapshots", "funding_payments", "heartbeats", "marks", "order_acks", "order_attempts", "order_closes", "order_errors", "order_fills", "order_metrics", "positions", "router_health_log", "shadow_decisions", "symbol_toggles", "ticks", "transfers", "vetoes"), "event_id", "identity of the event: given by its producer; else a hash of what an order event says; else run and number (journal), md5 of the line (import)", "identity of the event: the producer's own id; without one, a hash of the fields (order events), run and number (other events of the journal) or the md5 of the line (other imported events)"),
    (("config_snapshots", "flag_snapshots", "funding_payments", "heartbeats", "marks", "order_acks", "order_attempts", "order_closes", "order_errors", "order_fills", "order_metrics", "positions", "router_health_log", "shadow_decisions", "symbol_toggles", "ticks", "transfers", "vetoes"), "is_test", "test noise (strategy smoke_test): stored, excluded from every view", "true: an event of a test (strategy smoke_test); stored, but excluded from every view"),
    (("config_snapshots", "flag_snapshots", "funding_payments", "heartbeats", "marks", "order_acks", "order_attempts", "order_closes", "order_errors", "order_fills", "order_metrics", "positions", "router_health_log", "shadow_decisions", "symbol_toggles", "ticks", "transfers", "vetoes"), "received_ts", "arrival time: when the store, or the log an imported row came from, wrote it down", "arrival time: when the journal took the event; of an imported row, when its log was written"),
    (("config_snapshots", "flag_snapshots", "funding_payments", "heartbeats", "marks", "order_acks", "order_attempts", "order_closes", "order_errors", "order_fills", "order_metrics", "positions", "router_health_log", "shadow_decisions", "symbol_toggles", "ticks", "transfers", "vetoes"), "ingest_seq", "number of the stored row, growing over all tables: what was known when", "number of the row in the order of storing, counted over all tables: what known_seq compares"),
    (("config_snapshots", "flag_snapshots", "funding_payments", "heartbeats", "marks", "order_acks", "order_attempts", "order_closes", "order_errors", "order_fills", "order_metrics", "positions", "router_health_log", "shadow_decisions", "symbol_toggles", "ticks", "transfers", "vetoes"), "extra", "whatever came with the event and has no column", "keys that came with the event and have no column of their own"),
    (("exports",), "configured", "what was shown where no flag snapshot is recorded", "flags and mode by the settings, which a file shows while no flag snapshot is recorded"),
    (("flag_snapshots",), "env", "environment the runtime says it runs in", "environment as the runtime reports it, e.g. dev or prod"),
    (("flag_snapshots",), "dry_run", "no order reaches a venue, as the runtime says it", "whether orders are only simulated, as the runtime reports it"),
    (("flag_snapshots",), "testnet", "the venue's test network, as the runtime says it", "whether the venue is its test network, as the runtime reports it"),
    (("funding_payments",), "amount_usd", "what came into the wallet, negative is paid [USD]", "amount received; negative: amount paid [USD]"),
    (("heartbeats",), "lag_s", "how far its loop lags [s]", "delay of the service's loop [s]"),
    (("heartbeats",), "queue_depth", "work waiting [1]", "number of items that wait to be processed [1]"),
    (("ingest_counter",), "last_ingest_seq", "the last ingest_seq given out", "the highest ingest_seq that a row has"),
    (("journal_segments",), "refused_batches", "whole batches kept among the rejected", "batches kept whole among the rejected events"),
    (("journal_segments",), "read_bytes", "how far it is read [bytes]", "size of the part that is read [bytes]"),
    (("journal_segments",), "read_lines", "how far it is read, the header counts [lines]", "lines that are read, with the header [lines]"),
    (("journal_segments",), "is_finished", "read to its end, and nothing can follow", "true: read to its end, and its producer can add nothing more"),
    (("mirror_watermarks",), "byte_offset", "size of the log behind that row [bytes]", "size of the log after that row [bytes]"),
    (("order_acks",), "price", "price of the ack; 0 on market orders, which is not a fill [quote/base]", "limit price of the order; 0 for market orders: it is not a fill price [quote/base]"),
    (("order_acks", "order_attempts", "order_closes", "order_errors", "order_fills"), "reduce_only", "may only reduce a position", "true: the order may only reduce a position"),
    (("order_acks",), "latency_ms", "submit to acknowledgement [ms]", "time from submission to acknowledgement [ms]"),
    (("order_acks", "order_attempts", "order_closes", "order_fills", "vetoes"), "strategy", "strategy that asked", "strategy that asked for the order"),
    (("order_attempts",), "decision_latency_ms", "signal to decision [ms]", "time from signal to decision [ms]"),
    (("order_closes",), "realized_pnl_usd", "realised PnL gross of fees; a true 0 is a trade [USD]", "realised PnL before fees; 0 is a trade that gained and lost nothing [USD]"),
    (("order_closes",), "latency_ms", "submit to close [ms]", "time from submission to the close [ms]"),
    (("order_errors",), "dry_run", "no order would have reached the venue", "true: a dry run, which sends no order to the venue"),
    (("order_errors",), "cancel_reason", "why the venue ended the order, as the venue says it", "why the venue ended the order, in the venue's words"),
    (("order_fills",), "latency_ms", "submit to last fill [ms]", "time from submission to the last fill [ms]"),
    (("order_fills",), "fees_by_asset", "fees so far, an object {asset: amount}, where they were paid in several assets; positive is paid", "fees so far as an object {asset: amount}, where they were paid in several assets; positive is paid"),
    (("order_metrics",), "attempt_id", "attempt that is measured; several rows: the latest counts", "attempt that was measured; of several rows the latest counts"),
    (("order_metrics",), "decision_ms", "signal to decision [ms]", "time from signal to decision [ms]"),
    (("order_metrics",), "submit_ms", "decision to submit [ms]", "time from decision to submission [ms]"),
    (("order_metrics",), "ack_ms", "submit to acknowledgement [ms]", "time from submission to acknowledgement [ms]"),
    (("order_metrics",), "fill_ms", "acknowledgement to fill [ms]", "time from acknowledgement to fill [ms]"),
    (("order_metrics",), "slippage_bps", "slippage as logged, positive is cost; views prefer the prices [bps]", "slippage as logged, positive is a cost; views compute it from the prices where those are known [bps]"),
    (("order_metrics",), "policy_maker_first", "policy: begin as maker", "policy in force: begin as maker"),
    (("order_metrics",), "policy_taker_bias", "policy: prefer_maker, balanced or prefer_taker", "policy in force: prefer_maker, balanced or prefer_taker"),
    (("order_metrics",), "policy_quality", "policy: router quality it was based on", "policy in force: the router quality that it was based on"),
    (("order_metrics",), "policy_reason", "policy: why", "policy in force: its reason"),
    (("order_metrics",), "policy_offset_bps", "policy: maker offset [bps]", "policy in force: maker offset [bps]"),
    (("order_metrics",), "cancel_reason", "why the last order ended unfilled, as the venue says it", "why the last order ended unfilled, in the venue's words"),
    (("positions",), "tick_id", "event_id of the tick that lists it; null: a snapshot of its own", "event_id of the tick that it came with; null: a snapshot that came without a tick"),
    (("positions",), "side", "LONG or SHORT as given; null: the sign of the quantity tells", "LONG or SHORT as recorded; null: the sign of the quantity decides"),
    (("price_lookups",), "price_ts", "event time of the mark that decided; null: none did", "event time of the mark that the price comes from; null: there is no price"),
    (("price_lookups",), "ingest_seq", "from which ingest_seq on it holds: the larger of the asking row's and the deciding mark's; the newest version counts", "ingest_seq from which on the answer holds: that of the asking row or of the mark, whichever is larger; of several answers the newest counts"),
    (("rejected_events",), "raw", "the line, whole; bytes that are no UTF-8 as \\xNN", "the whole line; bytes that are not UTF-8 as \\xNN"),
    (("router_health_log",), "payload", "the line, whole", "the whole line"),
    (("shadow_decisions",), "attempt_id", "live attempt it shadows; null: none", "live attempt that the decision is about; null: none"),
    (("shadow_decisions",), "decision", "the decision, whole, as its producer wrote it", "the whole decision as its producer wrote it"),
    (("ticks",), "position_count", "positions this tick lists; null: it lists none of them, not even zero [1]", "number of open positions that came with this tick; null: it came without a list, so the number is unknown [1]"),
    (("transfers",), "amount_usd", "what came in; negative: what went out [USD]", "value of what came in; negative: of what went out [USD]"),
    (("transfers",), "transfer_id", "the venue's id of the transfer; null: every row counts", "the venue's id of the transfer, by which a second row of it is recognised; null: the row counts by itself"),
    (("transfers",), "note", "anything else about it", "free text"),
    (("vetoes",), "veto_reason", "reason as logged; views make it canonical", "reason as logged; views translate it into a canonical name"),
    (("vetoes",), "original_reason", "reason before it was made canonical", "reason before its translation into a canonical name"),
    (("vetoes",), "position_side", "LONG or SHORT; its presence marks a raw row", "LONG or SHORT; only the raw rows of old executors have it"),
)
"""Tables, column, comment before, comment since."""

_TABLES = (
    ("config_snapshots", "Limits or universe as of a moment: the newest row of a kind at an instant counts.", "Limits or universe from an instant on: the newest row of a kind counts."),
    ("exports", "Every publication of a state file: what it takes to make it again.", "Every publication of a state file, with what is needed to make it again."),
    ("heartbeats", "A service said that it lives.", "A service reported that it is running."),
    ("imports", "Which rows came from old logs: these logs are their mirror, so they are never mirrored again.", "Which rows came from old logs. Those logs hold the lines already, so no mirror writes them again."),
    ("mark_minutes", "Mark prices by whole minutes; what is younger is read from the marks.", "Mark prices by whole minutes; views read the unfinished minute from the marks themselves."),
    ("nav_minutes", "Ticks that count, by whole minutes; what is younger is read from the ticks.", "Ticks with a known equity, by whole minutes; views read the unfinished minute from the ticks themselves."),
    ("order_acks", "The venue accepted an order. Old runtimes wrote an ack in two halves, told by ``source``; views merge them.", "The venue accepted an order. Old runtimes wrote an ack as two rows of different ``source``; views merge them."),
    ("order_errors", "The venue or the way to it refused an order.", "An order failed: the venue refused it, or the request did not get through."),
    ("order_fills", "The fill state of an order, cumulative: of several rows of one order the latest counts.", "What is filled of an order so far. Rows are cumulative: the latest row of an order counts."),
    ("order_metrics", "How the router did on one attempt. Rows with ``kind`` position_close are no router metrics.", "What the router measured of one attempt. Rows with ``kind`` position_close are notes about closes instead."),
    ("price_lookups", "Prices that execution quality asks for, kept beyond the single marks.", "Prices that execution quality asks for; kept longer than the marks they come from."),
    ("rejected_events", "What could not be stored, kept whole with the reason.", "Lines and batches that could not be stored, kept whole, each with the reason."),
    ("ticks", "One pass of the executor's loop: the account as it stood. Equity <= 0 or unknown is stored and moves nothing.", "The account at one pass of the loop. A tick with unknown equity, or <= 0, changes nothing that is published."),
)
"""Table, comment before, comment since."""


def upgrade() -> None:
    for tables, column, _, since in _COLUMNS:
        for table in tables:
            op.execute(f"comment on column {table}.{column} is {_quoted(since)}")
    for table, _, since in _TABLES:
        op.execute(f"comment on table {table} is {_quoted(since)}")


def downgrade() -> None:
    for tables, column, before, _ in _COLUMNS:
        for table in tables:
            op.execute(f"comment on column {table}.{column} is {_quoted(before)}")
    for table, before, _ in _TABLES:
        op.execute(f"comment on table {table} is {_quoted(before)}")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
