-- The last tick of each of the last 500 minutes that have one (semantics 11). Grain: one row per minute.
select
    ts,
    equity_usd,
    nav_usd,
    unrealized_pnl_usd,
    realized_pnl_usd,
from (
    select *
    from nav_ticks
    qualify row_number() over (partition by date_trunc('minute', ts) order by ts desc, ingest_seq desc) = 1
) as last_of_minute
order by ts desc
limit 500
