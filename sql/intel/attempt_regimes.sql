-- Volatility regime at the decision of each attempt of the last 7 days (semantics 3). Grain: one row per attempt.
-- The last minute that was over at the decision counts, unless it ended 10 minutes or more before; ATR as in
-- symbol_volatility, over the last 50 and 500 bars up to that minute.
-- Columns:
--   regime: quiet, normal, hot or panic; unknown without a ratio
with moves as (
    select
        symbol,
        minute,
        close_price,
        abs(close_price - lag(close_price) over (partition by symbol order by minute)) as move,
    from mark_bars_37d
),

ranges as (
    select
        symbol,
        minute + interval 1 minute as end_ts,
        100 * avg(move) over (last_500 rows between 48 preceding and current row)
        / nullif(avg(close_price) over (last_500 rows between 49 preceding and current row), 0) as atr_now,
        100 * avg(move) over (last_500 rows between 498 preceding and current row)
        / nullif(avg(close_price) over (last_500 rows between 499 preceding and current row), 0) as atr_med,
    from moves
    window last_500 as (partition by symbol order by minute)
)

select
    attempts.attempt_id,
    atr_regime(
        case when attempts.ts < ranges.end_ts + interval 10 minute then ranges.atr_now / nullif(ranges.atr_med, 0) end
    ) as regime,
from attempt_outcomes as attempts
asof left join ranges on attempts.symbol = ranges.symbol and attempts.ts >= ranges.end_ts
where attempts.is_in_7d
