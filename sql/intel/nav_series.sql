-- The last tick of each of the last 500 minutes that have one (semantics 11). Grain: one row per minute.
select
    ts,
    equity_usd,
    nav_usd,
    unrealized_pnl_usd,
    realized_pnl_usd,
from latest_nav_points
order by ts desc
limit 500
