-- The mark price bars of minutes of 7 days that the roll-up does not hold yet, from single marks (semantics 3).
-- Grain: one row per symbol and minute; see rolled_mark_bars.
with rolled as (
    select rolled_to(max(minute)) as ts from mark_minutes
)

select
    symbol,
    date_trunc('minute', ts) as minute,
    arg_max(mark_price, (ts, ingest_seq)) as close_price,
from seen_marks
where ts >= (select rolled.ts from rolled) and ts > as_of() - interval 7 day
group by symbol, date_trunc('minute', seen_marks.ts)
