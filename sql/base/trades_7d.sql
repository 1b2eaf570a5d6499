-- Closed trades of the last 7 days. is_hour_of_day: closed in the same UTC hour of day as as_of() (semantics 4).
select
    *,
    hour(ts at time zone 'UTC') = hour(as_of() at time zone 'UTC') as is_hour_of_day,
    ts > as_of() - interval 48 hour as is_in_48h,
from trades_since(as_of() - interval 7 day)
