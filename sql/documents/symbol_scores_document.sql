-- symbol_scores_v6.json (semantics 6). One row; its columns are the top-level keys. Empty with INTEL off.
-- Columns:
--   updated_ts: the file's instant, epoch [s]
--   symbols: score, components and inputs per symbol, best first
with symbols as (
    select list(
        {
            'symbol': symbol_scores.symbol,
            'score': symbol_scores.score,
            'components': {
                'expectancy': expectancy_component, 'router': router_component, 'slippage_penalty': slippage_penalty,
                'fee_drag_penalty': fee_drag_penalty, 'volatility_penalty': volatility_penalty
            },
            'inputs': {
                'expectancy': expectancy_groups.stats,
                'router': {
                    'maker_fill_rate': router_effectiveness.maker_fill_ratio,
                    'fallback_rate': router_effectiveness.fallback_ratio,
                    'slippage_p50': router_effectiveness.slip_q50
                }
            }
        } order by score desc, symbol_scores.symbol
    ) as symbols
    from symbol_scores
    left join expectancy_groups
        on expectancy_groups.dimension = 'symbol' and symbol_scores.symbol = expectancy_groups.key
    left join router_effectiveness on symbol_scores.symbol = router_effectiveness.symbol
    where (select is_intel_on from flags)
)

select
    staleness.stale_s,
    staleness.stale_inputs,
    clock.as_of_s as updated_ts,
    coalesce(symbols.symbols, []) as symbols,
from clock
cross join symbols
cross join staleness(['marks', 'executor']) as staleness
