-- Highest and first equity in the roll-up of ticks (semantics 11). USD.
-- Grain: one row, null without a minute. See open_nav_minutes for later minutes. The day begins in the reset time zone;
-- in every time zone it begins with a whole minute.
-- Columns:
--   peak_equity_usd: highest equity of these minutes
--   peak_today_usd: highest equity of today's minutes; null: no minute
--   first_today_usd: equity at today's first tick; null: no tick
select
    max(peak_equity_usd) as peak_equity_usd,
    max(peak_equity_usd) filter (where minute >= today.day_start) as peak_today_usd,
    arg_min(first_equity_usd, minute) filter (where minute >= today.day_start) as first_today_usd,
from nav_minutes
cross join today
where minute < rolled_before()
