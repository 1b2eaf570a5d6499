-- router_policy_suggestions_v6.json (semantics 7). One row; its columns are the top-level keys.
-- Empty with ROUTER_AUTOTUNE off.
-- Columns:
--   generated_ts: the file's instant, RFC 3339
--   lookback_days: the window of the router metrics [d]
--   symbols: current and proposed policy per symbol, with inputs and reasons
with symbols as (
    select list(
        {
            'symbol': symbol, 'regime': regime, 'quality': quality, 'lookback_days': cast(7 as double),
            'metrics': {
                'fill_rate': maker_fill_ratio, 'fallback_rate': fallback_ratio, 'slip_p50_bps': slip_q50,
                'slip_p95_bps': slip_q95, 'latency_p50_ms': ack_latency_p50_ms
            },
            'current_policy': current_policy, 'proposed_policy': proposed_policy, 'rationale': rationale,
            'expectancy_inputs': expectancy_groups.stats, 'score_inputs': { 'score': score }
        } order by symbol
    ) as symbols
    from router_policy_suggestions
    left join expectancy_groups
        on expectancy_groups.dimension = 'symbol' and router_policy_suggestions.symbol = expectancy_groups.key
    where (select is_router_autotune_on from flags)
)

select
    staleness.stale_s,
    staleness.stale_inputs,
    clock.as_of_text as generated_ts,
    cast(7 as double) as lookback_days,
    coalesce(symbols.symbols, []) as symbols,
from clock
cross join symbols
cross join staleness(['marks', 'executor']) as staleness
