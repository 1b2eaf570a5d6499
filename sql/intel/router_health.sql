-- The router of each listed symbol and its policy (semantics 4, 5). Grain: one row per symbol of the router files.
-- Ratios 0..1, slippage in bps, latency in ms, offset in bps.
-- A symbol without a router row: quality ok, regime unknown.
-- Columns:
--   maker_first: policy: begin as maker
--   taker_bias: policy: prefer_maker, balanced or prefer_taker
--   reason: quality and volatility regime that led to the policy
--   branch: the decision and its reason, in words
--   maker_offset_bps: policy: offset of a maker order from the touch
with known as (
    select
        listed_symbols.symbol,
        listed_symbols.has_router,
        router_effectiveness.maker_fill_ratio,
        router_effectiveness.fallback_ratio,
        router_effectiveness.slip_q25,
        router_effectiveness.slip_q50,
        router_effectiveness.slip_q75,
        router_effectiveness.slip_q95,
        router_effectiveness.ack_latency_p50_ms,
        coalesce(router_effectiveness.quality, 'ok') as quality,
        coalesce(router_effectiveness.regime, 'unknown') as regime,
        coalesce(symbol_volatility.atr_regime, 'unknown') as atr_regime,
        symbol_returns.hour_edge,
        listed_symbols.is_router_listed,
    from listed_symbols
    left join router_effectiveness on listed_symbols.symbol = router_effectiveness.symbol
    left join symbol_volatility on listed_symbols.symbol = symbol_volatility.symbol
    left join symbol_returns on listed_symbols.symbol = symbol_returns.symbol
)

select
    *,
    quality <> 'broken' and not (quality = 'degraded' and atr_regime = 'panic') as maker_first,
    case
        when atr_regime = 'panic' or quality in ('broken', 'degraded') then 'prefer_taker'
        when quality = 'good' then 'prefer_maker'
        else 'balanced'
    end as taker_bias,
    'quality=' || quality || '; regime=' || atr_regime as reason,
    case
        when quality = 'broken' then 'the router is broken: taker only'
        when atr_regime = 'panic' and quality = 'degraded' then 'panic on a degraded router: taker only'
        when atr_regime = 'panic' then 'panic: lean to taker'
        when quality = 'degraded' then 'the router is degraded: lean to taker'
        when quality = 'good' then 'the router is good: lean to maker'
        else 'nothing speaks for either side'
    end as branch,
    maker_offset_bps(atr_regime, maker_fill_ratio, fallback_ratio, slip_q50, hour_edge) as maker_offset_bps,
from known
order by symbol
