-- Minute closes of the mark price of the last 37 days. Grain: one row per symbol and minute that is over.
with rolled as (
    select rolled_to(max(minute)) as ts from mark_minutes
)

select
    symbol,
    minute,
    close_price,
from mark_minutes
where minute < rolled_before() and ts > as_of() - interval 37 day
union all
select
    symbol,
    date_trunc('minute', ts) as minute,
    arg_max(mark_price, (ts, ingest_seq)) as close_price,
from seen_marks
where
    ts >= (select rolled.ts from rolled)
    and ts > as_of() - interval 37 day
    and ts < date_trunc('minute', as_of())
group by symbol, date_trunc('minute', seen_marks.ts)
