-- One-minute closes of each symbol's mark price over the last 7 days (semantics 3).
-- Grain: one row per symbol and minute.
select
    symbol,
    date_trunc('minute', ts) as minute,
    arg_max(mark_price, (ts, ingest_seq)) as close_price,
from seen_marks
where ts > as_of() - interval 7 day
group by all
