-- Realised pnl of each symbol since the day began in the reset time zone, and its highest running sum (semantics 9).
-- Grain: one row per symbol with a close today. USD.
-- Columns:
--   peak_usd: highest running sum of the day's realised PnL
--   total_usd: the day's realised PnL
with cumulated as (
    select
        symbol,
        ts,
        ingest_seq,
        event_id,
        realized_pnl_usd,
        sum(realized_pnl_usd) over (
            partition by symbol order by ts, ingest_seq rows between unbounded preceding and current row
        ) as cum_usd,
    from closes_today
)

select
    symbol,
    max(cum_usd) as peak_usd,
    arg_max(cum_usd, (ts, ingest_seq)) as total_usd,
from cumulated
group by symbol
