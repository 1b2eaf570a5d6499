-- The mark price bars of 7 days that the roll-up holds (semantics 3). Grain: one row per symbol and minute. A symbol
-- with 500 bars or more in 12 hours has only the bars of these hours. See open_mark_bars for later minutes.
with recent as (
    select symbol
    from mark_minutes
    where minute < rolled_before() and minute > as_of() - interval 12 hour
    group by symbol
    having count(*) >= 500
)

select
    symbol,
    minute,
    close_price,
from mark_minutes
where
    minute < rolled_before()
    and ts > as_of() - interval 7 day
    and (minute > as_of() - interval 12 hour or symbol not in (select recent.symbol from recent))
