-- The account as of the session's instant (semantics 11). Grain: one row; all null without a tick. USD, per cent.
-- The peak of the day is reset in the reset time zone; a day without a tick starts at the latest equity.
-- Unrealised PnL: the latest tick's, else the sum over positions whose mark is known, else null.
with latest as (
    select *
    from nav_series
    order by ts desc
    limit 1
),

today as (
    select
        max(equity_usd) as peak_usd,
        arg_min(equity_usd, (ts, ingest_seq)) as first_equity_usd,
    from nav_ticks_today
),

realized as (
    select coalesce(sum(realized_pnl_usd order by ts, ingest_seq), 0) as pnl_usd from closes_today
)

select
    latest.ts,
    latest.equity_usd,
    latest.nav_usd,
    (select max(peak_equity_usd) from nav_points) as peak_equity_usd,
    coalesce(today.peak_usd, latest.equity_usd) as peak_today_usd,
    coalesce(today.peak_usd, latest.equity_usd) - latest.equity_usd as drawdown_usd,
    100 * (coalesce(today.peak_usd, latest.equity_usd) - latest.equity_usd)
    / coalesce(today.peak_usd, latest.equity_usd) as drawdown_pct,
    coalesce(today.first_equity_usd, latest.equity_usd) as day_equity_usd,
    case when latest.ts is not null then realized.pnl_usd end as realized_pnl_today_usd,
    case when latest.ts is not null then coalesce(latest.unrealized_pnl_usd, exposure.unrealized_pnl_usd) end
        as unrealized_pnl_usd,
    epoch(clock.as_of - latest.ts) as age_s,
from clock
cross join today
cross join realized
cross join exposure
left join latest on true
