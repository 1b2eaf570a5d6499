"""The layouts of relations: the one table of shown columns, their order, and the choice of rows.

A relation that is not listed shows all its columns except the envelope's (producer, arrival and so on). An entry is a
column, or ``document.key``; ``=words`` is its head if the name is too long.
"""

from __future__ import annotations

from tape.store.schema import EVENT_TABLES

ENVELOPE = frozenset(
    ("event_id", "received_ts", "ingest_seq", "producer", "run_id", "hostname", "pid", "extra", "is_test")
)
"""Columns that say where a row comes from."""

_FILLS = "ts symbol side executed_qty avg_price fee_total fee_asset status order_id latency_ms"
_ACKS = "ts symbol side order_type request_qty=qty price status order_id latency_ms strategy"
_ATTEMPTS = "ts symbol side qty price_hint strategy reduce_only confidence expected_edge=edge"
_VETOES = "ts symbol side veto_reason qty_req strategy original_reason"
_VETO_DECISIONS = "ts symbol side reason qty_req strategy original_reason"
_METRICS = (
    "ts symbol side route notional_usd avg_fill_price=fill_price slippage_bps fees_usd ack_latency_ms "
    "used_fallback=fallback"
)
_TRADES = (
    "ts symbol position_side realized_pnl_usd=pnl fees_usd net_pnl_usd closed_qty avg_fill_price=fill_price "
    "return_frac=return slippage_bps"
)
_TICKS = "ts equity_usd nav_usd unrealized_pnl_usd realized_pnl_usd position_count=positions"
_EXPECTANCY = "count=trades pnl_usd fees_usd expectancy net_expectancy ci95 hit_rate avg_win avg_loss max_drawdown"
_PROFILE = (
    "symbol quality regime maker_fill_ratio=maker_ratio fallback_ratio slip_q50 slip_q95 "
    "ack_latency_p50_ms=ack_p50 taker_bias maker_offset_bps=maker_offset "
)
_PAIRS = (
    "ts symbol side shadow_allowed live_allowed is_veto_mismatch=mismatch shadow_notional_usd=shadow_notional "
    "live_notional_usd=live_notional size_pct_diff=size_diff slippage_diff_bps=slippage_diff"
)

_LAYOUTS = {
    "ticks": _TICKS,
    "positions": "ts symbol side qty entry_price mark_price unrealized_pnl_usd leverage",
    "order_attempts": _ATTEMPTS,
    "attempts_24h": _ATTEMPTS,
    "order_acks": _ACKS,
    "acks_merged": "ts symbol side order_type request_qty=qty price status is_dry_run order_id latency_ms strategy",
    "order_fills": _FILLS,
    "actual_fills": _FILLS,
    "latest_fills_7d": _FILLS,
    "order_closes": (
        "ts symbol position_side realized_pnl_usd=pnl fees_usd closed_qty position_size_before=before "
        "position_size_after=after order_id strategy"
    ),
    "order_errors": "ts symbol side order_type qty price error dry_run",
    "order_metrics": _METRICS,
    "router_metrics": _METRICS,
    "router_metrics_7d": _METRICS,
    "vetoes": _VETOES,
    "veto_decisions": _VETO_DECISIONS,
    "vetoes_24h": _VETO_DECISIONS,
    "shadow_decisions": "ts symbol is_allowed is_heartbeat attempt_id decision",
    "shadow_decisions_24h": "ts symbol is_allowed attempt_id decision",
    "flag_snapshots": (
        "ts engine_version env dry_run testnet is_intel_on=intel is_risk_engine_on=risk_engine "
        "is_pipeline_shadow_on=pipeline_shadow is_router_autotune_on=autotune "
        "is_router_autotune_apply_on=autotune_apply is_feedback_allocator_on=allocator"
    ),
    "rejected_events": "rejected_ts source line reason",
    "exports": "export_id file as_of known_seq",
    "nav_minutes": (
        "minute equity_usd nav_usd unrealized_pnl_usd realized_pnl_usd peak_equity_usd=peak first_equity_usd=first"
    ),
    "journal_segments": (
        "producer number first_seq last_seq stored_batches refused_batches stored_events read_bytes is_finished segment"
    ),
    "closed_trades": _TRADES,
    "trades_7d": _TRADES,
    "trades_48h": _TRADES,
    "positions_now": "symbol side qty entry_price mark_price pnl_usd notional_usd leverage is_marked ts",
    "expectancy_by_symbol": f"symbol {_EXPECTANCY}",
    "expectancy_by_hour": f"hour {_EXPECTANCY}",
    "expectancy_by_regime": f"regime {_EXPECTANCY}",
    "expectancy_stats": f"dimension key {_EXPECTANCY}",
    "symbol_scores": (
        "symbol score expectancy_component=expectancy_part router_component=router_part "
        "slippage_penalty fee_drag_penalty volatility_penalty"
    ),
    "router_health": f"{_PROFILE} maker_first",
    "execution_profile": f"{_PROFILE} atr_regime",
    "execution_health": (
        "symbol quality atr_regime sharpe_7d dd_today_pct=dd_today z size_mult_combined=size_mult "
        "intel_size_factor=intel_factor final_size_factor=final_factor is_disabled=disabled warnings risk_flags "
        f"{_PROFILE.removeprefix('symbol quality')}"
    ),
    "router_policy_suggestions": (
        "symbol quality regime score strength current_policy.bias_label=bias_now proposed_policy.bias_label=bias_then "
        "current_policy.offset_bps=offset_now proposed_policy.offset_bps=offset_then "
        "proposed_policy.maker_first=maker_first rationale"
    ),
    "risk_allocation_suggestions": (
        "symbol risk_mode score expectancy share suggested_weight=weight base_frac=cap_now "
        "suggested_nav_cap_frac=cap_then trade_frac=trade_cap_now suggested_trade_cap_frac=trade_cap_then "
        "suggested_max_concurrent_positions=max_positions rationale"
    ),
    "compare_pairs": _PAIRS,
    "execution_quality_cells": (
        "dimension key attempts filled_share.rate=filled maker_share shortfall.value=cost_bps "
        "shortfall.lo=from shortfall.hi=to shortfall.state=state shortfall_usd half_spread_bps=half_spread "
        "markout_60.value=markout_60s first_fill_ms_p50=first_fill"
    ),
    "order_quality": (
        "ts symbol side status target_qty=target executed_qty=executed decision_price delay_bps=delay "
        "timing_bps=timing spread_bps=spread opportunity_bps=opportunity fees_bps=fees total_bps=total attempt_id"
    ),
    "executions": (
        "ts symbol side qty price ref_price spread_usd=spread markout_usd_1=markout_1s markout_usd_10=markout_10s "
        "markout_usd_60=markout_60s markout_usd_300=markout_300s order_id"
    ),
    "foregone_outcomes": (
        "ts source reason symbol side notional_usd cost_usd foregone_usd_1=after_1s foregone_usd_10=after_10s "
        "foregone_usd_60=after_60s foregone_usd_300=after_300s"
    ),
    "foregone_by_reason": (
        "source reason count episodes usd_60=after_60s usd_300=after_300s bps_300.value=bps_300s bps_300.lo=from "
        "bps_300.hi=to bps_300.state=state"
    ),
    "edge": (
        "dimension key net_expectancy_usd.n=closes expectancy_usd.value=expectancy "
        "net_expectancy_usd.value=net_per_trade net_expectancy_usd.lo=from net_expectancy_usd.hi=to "
        "net_expectancy_usd.state=state hit_rate.rate=hit_rate net_usd unpriced_fees"
    ),
    "account_performance": (
        "days nav_change_usd=nav_change realized_usd=realized unrealized_change_usd=unrealized fees_usd=fees "
        "funding_usd=funding transfers_usd=transfers unexplained_usd=unexplained twr_pct=return "
        "unit_max_drawdown_pct=worst_drawdown"
    ),
    "reconciliation_findings": "ts check severity symbol ref found expected",
    "compare_log": _PAIRS,
}

_NEWEST_FIRST = {
    **dict.fromkeys((*EVENT_TABLES, *(f"seen_{name}" for name in EVENT_TABLES)), "ts desc, ingest_seq desc"),
    **dict.fromkeys(
        (
            *(
                "acks_merged",
                "actual_fills",
                "attempts_24h",
                "closed_trades",
                "closes_today",
                "compare_log",
                "compare_pairs",
            ),
            *("heartbeats_24h", "latest_fills_7d", "nav_ticks", "router_metrics", "router_metrics_7d"),
            *("shadow_decisions_24h", "told_navs", "trades_48h", "trades_7d", "veto_decisions", "vetoes_24h"),
            *(
                "account_points",
                "account_ticks",
                "account_units",
                "acks_37d",
                "attempt_fills",
                "attempt_measures",
                "attempt_outcomes",
                "attempt_rows_7d",
                "attempts_37d",
                "closes_37d",
                "errors_37d",
                "executions",
                "fee_parts",
                "fill_steps",
                "filled_orders",
                "fills_37d",
                "foregone_outcomes",
                "funding_37d",
                "metrics_37d",
                "missed_fills",
                "nav_points_37d",
                "order_executions",
                "order_fees",
                "order_quality",
                "order_records",
                "shadow_decisions_ripe",
                "shadow_outcomes",
                "shadow_pairs",
                "transfers_37d",
                "veto_episodes",
                "vetoes_7d",
            ),
        ),
        "ts desc, ingest_seq desc",
    ),
    **dict.fromkeys(("nav_series", "rolled_nav_points", "open_nav_minutes"), "ts desc"),
    **dict.fromkeys(("nav_minutes", "mark_minutes", "rolled_mark_bars", "open_mark_bars"), "minute desc"),
    "exports": "export_id desc",
    "imports": "last_seq desc",
    "price_lookups": "ingest_seq desc",
    "rejected_events": "rejected_ts desc, line desc",
}


def layout_of(relation: str) -> list[tuple[str, str | None]] | None:
    """Return columns and their heads, in order; ``None``: all but the envelope."""
    entries = _LAYOUTS.get(relation) or _LAYOUTS.get(relation.removeprefix("seen_"))
    if entries is None:
        return None
    return [(name, head or None) for name, _, head in (entry.partition("=") for entry in entries.split())]


def newest_first(relation: str) -> str | None:
    """Return the order that puts the newest rows first; ``None``: the relation has an order of its own."""
    return _NEWEST_FIRST.get(relation)
