"""Events that an older version stored twice stand once

Revision ID: 0007
Revises: 0006
Create Date: 2026-12-01

Frozen literals: what the tables were when this revision was made.

Until revision 0005 an event that was recorded twice became two rows, and every number counted it twice. Of such rows
the first stays. What goes:

- a row that repeats another of its table: the same event_id, the same time, the same content;
- an order event that repeats another one, where both have ids that nobody gave (made by the journal, or the md5 of an
  imported line): the same time, the same content;
- an order event under the id and with the time of another, and with other content. It is kept among the rejected.
"""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_STATES = {
    "ticks": "equity_usd nav_usd unrealized_pnl_usd realized_pnl_usd position_count extra",
    "positions": "tick_id symbol side qty entry_price mark_price unrealized_pnl_usd leverage extra",
    "marks": "symbol mark_price bid_price ask_price extra",
    "funding_payments": "symbol amount_usd extra",
    "heartbeats": "service lag_s queue_depth extra",
    "symbol_toggles": "symbol is_disabled until_ts reason extra",
    "flag_snapshots": "is_intel_on is_risk_engine_on is_pipeline_shadow_on is_router_autotune_on"
    " is_feedback_allocator_on is_router_autotune_apply_on env dry_run testnet engine_version extra",
    "config_snapshots": "kind payload extra",
    "router_health_log": "payload extra",
}
_ORDER_EVENTS = {
    "order_attempts": "symbol side attempt_id intent_id qty price_hint strategy signal_ts reduce_only confidence"
    " expected_edge decision_latency_ms nav_snapshot bid_price ask_price mark_price extra",
    "order_acks": "symbol side order_id client_order_id request_qty order_type status price position_side reduce_only"
    " latency_ms attempt_id intent_id strategy source bid_price ask_price mark_price extra",
    "order_fills": "ts_fill_first symbol side order_id client_order_id executed_qty avg_price fee_total fee_asset"
    " trade_ids status position_side reduce_only latency_ms attempt_id intent_id strategy bid_price ask_price"
    " mark_price extra",
    "order_closes": "symbol order_id client_order_id realized_pnl_usd fees_usd position_size_before"
    " position_size_after closed_qty position_side reduce_only latency_ms attempt_id intent_id strategy extra",
    "order_errors": "symbol side order_type price qty error dry_run position_side reduce_only attempt_id payload extra",
    "order_metrics": "kind attempt_id intent_id venue route symbol side mark_price submitted_price avg_fill_price"
    " contracts_qty notional_usd decision_ms submit_ms ack_ms fill_ms status retries is_cancelled fees_usd"
    " slippage_bps ack_latency_ms maker_start is_maker_final used_fallback policy_maker_first policy_taker_bias"
    " policy_quality policy_reason policy_offset_bps autotune_applied policy_before policy_after pnl_at_close_usd"
    " order_status extra",
    "vetoes": "symbol veto_reason original_reason side position_side strategy qty_req signal_ts attempt_id intent_id"
    " veto_detail thresholds context bid_price ask_price mark_price extra",
    "shadow_decisions": "symbol attempt_id is_heartbeat is_allowed decision extra",
}
_IS_MADE = "(coalesce(starts_with(event_id, run_id || '-'), false) or regexp_full_match(event_id, '[0-9a-f]{32}'))"


def upgrade() -> None:
    op.execute(
        "create or replace temp table doubled (number bigint, first_number bigint, is_equal boolean, is_same_id boolean)"
    )
    for table, names in _STATES.items():
        op.execute(_find(table, _content(names), "event_id", "true"))
        op.execute("delete from temp.doubled where not is_equal")
        if table == "ticks":
            op.execute("update nav_minutes set ingest_seq = first_number from temp.doubled where ingest_seq = number")
        _take_out(table)
    for table, names in _ORDER_EVENTS.items():
        op.execute(_find(table, _content(names), "event_id", "true"))
        op.execute(_keep_among_rejected(table))
        _take_out(table)
        op.execute(_find(table, _content(names), "hash(content)", _IS_MADE))
        op.execute("delete from temp.doubled where not is_equal")
        _take_out(table)
    op.execute("drop table temp.doubled")


def _content(names: str) -> str:
    return f"[{', '.join(f'cast({name} as varchar)' for name in names.split())}]"


def _take_out(table: str) -> None:
    op.execute(f"delete from {table} where ingest_seq in (select number from temp.doubled)")
    op.execute("delete from temp.doubled")


def _find(table: str, content: str, same: str, where: str) -> str:
    """SQL: note the rows that have the time of an earlier row, and the same ``same``.

    The cheap question comes first: only rows that share both are read whole.
    """
    rows = f"(select *, {content} as content from {table} where {where})"
    return f"""
        insert into temp.doubled
        with
        shared as (select ts, {same} as same from {rows} group by all having count(*) > 1),
        candidates as (
            select ingest_seq, event_id, ts, same, content
            from (select *, {same} as same from {rows} semi join (select distinct ts from shared) using (ts))
            semi join shared using (ts, same)
        )
        select
            ingest_seq,
            first_value(ingest_seq) over same_rows as first_number,
            content is not distinct from first_value(content) over same_rows as is_equal,
            event_id = first_value(event_id) over same_rows as is_same_id,
        from candidates
        window same_rows as (partition by ts, same order by ingest_seq)
        qualify ingest_seq > first_number and (is_equal or is_same_id)
    """


def _keep_among_rejected(table: str) -> str:
    return f"""
        insert into rejected_events
        select
            md5(raw), now(), '{table}', number,
            'event_id: expected the event that has it already, found another one; stored by an older version', raw,
        from (
            select number, cast(to_json(doubled_row) as varchar) as raw
            from {table} as doubled_row
            inner join temp.doubled on number = ingest_seq
            where is_same_id and not is_equal
        )
        order by number
    """


def downgrade() -> None:
    """What was stored twice stays stored once."""
