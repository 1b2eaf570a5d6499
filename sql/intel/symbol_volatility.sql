-- Volatility of each symbol (semantics 3). Grain: one row per symbol with a price bar.
-- ATR%(L) = 100 * mean |price move| / mean price over the last L bars, or over all bars if there are fewer; null with
-- fewer than two.
-- Columns:
--   atr_now: ATR of 50 bars in per cent of the price [%]
--   atr_med: ATR of 500 bars in per cent of the price [%]
--   atr_ratio: atr_now / atr_med [1]
--   atr_regime: quiet, normal, hot or panic; unknown without a ratio
with ranges as (
    select
        symbol,
        100 * avg(move order by age) filter (where age < 50)
        / nullif(avg(price order by age) filter (where age <= 50), 0)
            as atr_now,
        100 * avg(move order by age) filter (where age < 500) / nullif(avg(price order by age), 0) as atr_med,
    from price_bars
    group by symbol
)

select
    symbol,
    atr_now,
    atr_med,
    atr_now / nullif(atr_med, 0) as atr_ratio,
    atr_regime(atr_now / nullif(atr_med, 0)) as atr_regime,
from ranges
order by symbol
