-- The mark price bars of 12 hours and, of symbols with fewer than 500 in them, all of 7 days (semantics 3).
-- Grain: one row per symbol and minute. See mark_bars_7d.
with enough as (
    select symbol
    from mark_bars_7d
    where minute > as_of() - interval 12 hour
    group by symbol
    having count(*) >= 500
)

select *
from mark_bars_7d
where minute > as_of() - interval 12 hour or symbol not in (select enough.symbol from enough)
