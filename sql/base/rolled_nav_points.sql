-- The last 500 minutes that the roll-up of ticks holds (semantics 11). Grain: one row per minute. USD.
-- See open_nav_minutes for later minutes. If one day has 500 minutes, earlier history is not read.
with recent as (
    select count(*) as minutes
    from nav_minutes
    where minute < rolled_before() and minute > as_of() - interval 1 day
),

bound as (
    select case when minutes >= 500 then as_of() - interval 1 day else cast('-infinity' as timestamptz) end as minute
    from recent
)

select
    ts,
    equity_usd,
    nav_usd,
    unrealized_pnl_usd,
    realized_pnl_usd,
from nav_minutes
where minute < rolled_before() and minute > (select bound.minute from bound)
order by ts desc
limit 500
