-- Profile of each listed symbol from its trades and prices of 7 days (semantics 9). Grain: one row per symbol.
-- health_score is the part of z of the intel size factor that does not depend on the day's drawdown.
-- Columns:
--   sharpe_state: poor from -1 down, strong from 1.5 up, else neutral; unknown without a Sharpe ratio
--   warnings: high_fallback_ratio above 0.5, elevated_median_slippage above 4 bps
--   size_mult_sharpe: size factor of the Sharpe ratio [0.25..2]
--   size_mult_regime: size factor of the volatility regime [0.25..1]
--   health_score: Sharpe, volatility and router parts of z [1]
with known as (
    select
        listed_symbols.symbol,
        router_health.* exclude (symbol, atr_regime),
        symbol_volatility.atr_now,
        symbol_volatility.atr_med,
        symbol_volatility.atr_ratio,
        coalesce(symbol_volatility.atr_regime, 'unknown') as atr_regime,
        symbol_returns.sharpe_7d,
    from listed_symbols
    left join router_health on listed_symbols.symbol = router_health.symbol
    left join symbol_volatility on listed_symbols.symbol = symbol_volatility.symbol
    left join symbol_returns on listed_symbols.symbol = symbol_returns.symbol
)

select
    *,
    case
        when sharpe_7d is null then 'unknown'
        when sharpe_7d <= -1 then 'poor'
        when sharpe_7d >= 1.5 then 'strong'
        else 'neutral'
    end as sharpe_state,
    list_filter(
        [
            case when fallback_ratio > 0.5 then 'high_fallback_ratio' end,
            case when slip_q50 > 4 then 'elevated_median_slippage' end
        ],
        lambda warning: warning is not null
    ) as warnings,
    0.25 + (clamp(coalesce(sharpe_7d, 0), -1, 3) + 1) / 4 * 1.75 as size_mult_sharpe,
    case atr_regime when 'quiet' then 0.75 when 'hot' then 0.5 when 'panic' then 0.25 else 1e0 end as size_mult_regime,
    sharpe_part(sharpe_7d)
    + case
        when atr_ratio < 0.5 then -0.2
        when atr_ratio > 2.5 then -0.3
        when atr_ratio between 0.8 and 1.5 then 0.1
        else 0
    end
    + (coalesce(maker_fill_ratio, 0) - 0.5) * 0.5
    - greatest(0, coalesce(fallback_ratio, 0) - 0.5)
    - case when slip_q50 > 5 then 0.3 else 0 end as health_score,
from known
order by symbol
