-- The account as of the session's instant (semantics 11). Grain: one row. USD, per cent.
-- Without a tick, all columns are null except the realised PnL of today and the unrealised PnL.
-- The peak of the day is reset in the reset time zone; a day without a tick starts at the latest equity.
-- Unrealised PnL: the latest tick's, else the sum over positions whose mark is known, 0 where the newest list of
-- positions is empty, else null.
-- Columns:
--   ts: event time of the latest tick
--   equity_usd: equity of the latest tick
--   nav_usd: net asset value of the latest tick
--   peak_equity_usd: highest equity on record
--   peak_today_usd: highest equity of the day
--   drawdown_usd: how far equity is below the day's peak, positive is loss
--   drawdown_pct: how far equity is below the day's peak, in per cent of the peak, positive is loss
--   day_equity_usd: equity at the day's first tick, else the latest before
--   realized_pnl_today_usd: realised PnL of today's closes, 0 without one
--   unrealized_pnl_usd: unrealised PnL of the latest tick, else of the positions whose mark is known; null: unknown
--   age_s: age of the latest tick
with latest as (
    select *
    from nav_series
    order by ts desc
    limit 1
),

realized as (
    select coalesce(sum(realized_pnl_usd order by ts, ingest_seq), 0) as pnl_usd from closes_today
),

open as (
    select
        max(peak_equity_usd) as peak_equity_usd,
        max(peak_equity_usd) filter (where minute >= today.day_start) as peak_today_usd,
        arg_min(first_equity_usd, minute) filter (where minute >= today.day_start) as first_today_usd,
    from open_nav_minutes
    cross join today
),

known as (
    select
        latest.*,
        greatest(rolled.peak_equity_usd, open.peak_equity_usd) as peak_equity_usd,
        coalesce(greatest(rolled.peak_today_usd, open.peak_today_usd), latest.equity_usd) as peak_today_usd,
        coalesce(rolled.first_today_usd, open.first_today_usd, latest.equity_usd) as day_equity_usd,
    from rolled_nav_highs as rolled
    cross join open
    left join latest on true
)

select
    known.ts,
    known.equity_usd,
    known.nav_usd,
    known.peak_equity_usd,
    known.peak_today_usd,
    known.peak_today_usd - known.equity_usd as drawdown_usd,
    100 * (known.peak_today_usd - known.equity_usd) / known.peak_today_usd as drawdown_pct,
    known.day_equity_usd,
    realized.pnl_usd as realized_pnl_today_usd,
    coalesce(
        known.unrealized_pnl_usd,
        exposure.unrealized_pnl_usd,
        (select 0 from listing_tick where listing_tick.position_count = 0)
    ) as unrealized_pnl_usd,
    epoch(clock.as_of - known.ts) as age_s,
from clock
cross join known
cross join realized
cross join exposure
