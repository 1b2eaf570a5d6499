-- The last tick of each of the last 500 minutes that have one (semantics 11). Grain: one row per minute. USD.
-- Whole minutes come from the roll-up, the rest from single ticks.
with points as (
    select * from rolled_nav_points
    union all by name
    select * exclude (minute, peak_equity_usd, first_equity_usd) from open_nav_minutes
)

select
    ts,
    equity_usd,
    nav_usd,
    unrealized_pnl_usd,
    realized_pnl_usd,
from points
order by ts desc
limit 500
