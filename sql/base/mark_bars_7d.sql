-- One-minute closes of each symbol's mark price over the last 7 days (semantics 3).
-- Grain: one row per symbol and minute. Whole minutes come from the roll-up, the rest from the marks themselves.
select
    symbol,
    minute,
    close_price,
from mark_minutes
where minute < rolled_before() and ts > as_of() - interval 7 day
union all
select
    symbol,
    minute,
    close_price,
from open_mark_bars
