-- Score of each listed symbol, 0..1 (semantics 6). Grain: one row per symbol.
-- score = clamp(0.55 E + 0.35 R - S - F - 0.3 V, 0, 1).
-- Columns:
--   score: how good the symbol is to trade [0..1]
--   expectancy_component: E, from expectancy and hit rate [0..1]
--   router_component: R, from maker fills and fallbacks [0..1]
--   slippage_penalty: S, from the median slippage [0..0.4]
--   fee_drag_penalty: F, from fees against PnL [0..0.4]
--   unpriced_fees: trades whose fees are not all priced; the fee drag leaves that part out [1]
--   volatility_penalty: V, how far the volatility is from its own mean [0..0.5]
with components as (
    select
        listed_symbols.symbol,
        0.5 + 0.5 * tanh(coalesce(trades.expectancy, 0) / 10) as expectancy_edge,
        trades.hit_rate,
        0.5 + 0.5 * tanh(coalesce(router.maker_fill_ratio, 0) - coalesce(router.fallback_ratio, 0)) as router_component,
        case when router.slip_q50 > 0 then least(0.4, router.slip_q50 / 20) else 0 end as slippage_penalty,
        case
            when trades.pnl_usd <> 0
                then least(0.4, 0.2 * greatest(0, trades.fees_usd) / greatest(1e-6, abs(trades.pnl_usd)))
            else 0
        end as fee_drag_penalty,
        coalesce(trades.unpriced_fees, 0) as unpriced_fees,
        case when symbol_volatility.atr_ratio is null then 0 else least(0.5, abs(symbol_volatility.atr_ratio - 1)) end
            as volatility_penalty,
    from listed_symbols
    left join expectancy_by_symbol as trades on listed_symbols.symbol = trades.symbol
    left join router_effectiveness as router on listed_symbols.symbol = router.symbol
    left join symbol_volatility on listed_symbols.symbol = symbol_volatility.symbol
),

weighed as (
    select
        * exclude (expectancy_edge, hit_rate),
        case when hit_rate is null then expectancy_edge else 0.7 * expectancy_edge + 0.3 * hit_rate end
            as expectancy_component,
    from components
)

select
    symbol,
    clamp(
        0.55 * expectancy_component + 0.35 * router_component
        - slippage_penalty - fee_drag_penalty - 0.3 * volatility_penalty,
        0,
        1
    ) as score,
    expectancy_component,
    router_component,
    slippage_penalty,
    fee_drag_penalty,
    volatility_penalty,
    unpriced_fees,
from weighed
order by score desc, symbol
