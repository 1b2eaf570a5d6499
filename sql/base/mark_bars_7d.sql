-- One-minute closes of each symbol's mark price over the last 7 days (semantics 3).
-- Grain: one row per symbol and minute. Whole minutes come from the roll-up, the rest from the marks themselves.
with rolled as (
    select rolled_to(max(minute)) as ts from mark_minutes
)

select
    symbol,
    minute,
    close_price,
from mark_minutes
where minute < (select rolled.ts from rolled) and ts > as_of() - interval 7 day
union all
select
    symbol,
    date_trunc('minute', ts) as minute,
    arg_max(mark_price, (ts, ingest_seq)) as close_price,
from seen_marks
where ts >= (select rolled.ts from rolled) and ts > as_of() - interval 7 day
group by symbol, date_trunc('minute', ts)
