-- risk_allocation_suggestions_v6.json (semantics 8). One row; its columns are the top-level keys.
-- Empty with FEEDBACK_ALLOCATOR off.
-- Columns:
--   generated_ts: the file's instant, RFC 3339
--   lookback_days: the expectancy window [d]
--   global: equity, drawdown and risk mode of the portfolio
--   symbols: per enabled symbol: score, expectancy, policies, and present and suggested caps and weight
with symbols as (
    select list(
        {
            'symbol': symbol, 'score': score,
            'expectancy': {
                'expectancy': expectancy, 'avg_return': avg_return, 'hit_rate': hit_rate, 'regime': regime
            },
            'router_policy': { 'current': current_policy, 'proposed': proposed_policy },
            'caps': {
                'current_max_nav_pct': base_frac, 'current_max_trade_nav_pct': trade_frac,
                'current_max_concurrent_positions': max_concurrent_positions
            },
            'suggested_caps': {
                'max_nav_pct': suggested_nav_cap_frac, 'max_trade_nav_pct': suggested_trade_cap_frac,
                'max_concurrent_positions': suggested_max_concurrent_positions
            },
            'suggested_weight': suggested_weight,
            'rationale': rationale
        } order by symbol
    ) as symbols
    from risk_allocation_suggestions
    where (select is_feedback_allocator_on from flags)
)

select
    staleness.stale_s,
    staleness.stale_inputs,
    clock.as_of_text as generated_ts,
    cast(2 as double) as lookback_days,
    {
        'current_equity_usd': risk_mode_now.equity_usd, 'current_drawdown_pct': risk_mode_now.drawdown_pct,
        'risk_mode': risk_mode_now.risk_mode, 'unmarked_positions': nullif(risk_mode_now.unmarked_positions, 0)
    } as global,
    coalesce(symbols.symbols, []) as symbols,
from clock
cross join risk_mode_now
cross join symbols
cross join staleness(['ticks', 'positions', 'marks', 'executor']) as staleness
