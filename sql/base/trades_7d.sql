-- Closed trades of the last 7 days, and which of them closed in the hour of day of the instant (semantics 4).
-- Grain: one row per order_close.
-- Columns:
--   is_hour_of_day: closed in the UTC hour of day of the instant
--   is_in_48h: closed in the last 48 hours
select
    *,
    hour(ts at time zone 'UTC') = hour(as_of() at time zone 'UTC') as is_hour_of_day,
    ts > as_of() - interval 48 hour as is_in_48h,
from trades_since(as_of() - interval 7 day)
