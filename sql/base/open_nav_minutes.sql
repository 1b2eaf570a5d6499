-- The minutes that the roll-up does not hold yet, from single ticks. Grain: one row per minute. USD.
-- Columns:
--   minute: start of the minute
with rolled as (
    select rolled_to(max(minute)) as ts from nav_minutes
),

summed as (
    select
        date_trunc('minute', ts) as minute,
        max(ts) as ts,
        arg_max(
            {
                'equity_usd': equity_usd, 'nav_usd': nav_usd, 'unrealized_pnl_usd': unrealized_pnl_usd,
                'realized_pnl_usd': realized_pnl_usd
            },
            (ts, ingest_seq)
        ) as tick,
        max(equity_usd) as peak_equity_usd,
        arg_min(equity_usd, (ts, ingest_seq)) as first_equity_usd,
    from nav_ticks
    where ts >= (select rolled.ts from rolled)
    group by date_trunc('minute', nav_ticks.ts)
)

select
    minute,
    ts,
    tick.equity_usd,
    tick.nav_usd,
    tick.unrealized_pnl_usd,
    tick.realized_pnl_usd,
    peak_equity_usd,
    first_equity_usd,
from summed
