-- The account's points of the last 7 days hour by hour: its start, then the last tick that counts of each UTC hour.
-- Grain: one row per point. Each is compared with the point before it.
-- Columns:
--   before: the point before this; null: the start
with points as (
    select first.ts, first.ingest_seq, first.equity_usd
    from account_spans
    where days = 7 and first is not null
    union all
    select
        max(points.ts) as ts,
        arg_max(points.ingest_seq, (points.ts, points.ingest_seq)) as ingest_seq,
        arg_max(points.equity_usd, (points.ts, points.ingest_seq)) as equity_usd,
    from nav_points_37d as points
    inner join account_spans as spans on points.ts > spans.since_ts
    where spans.days = 7 and (points.ts, points.ingest_seq) > (spans.first.ts, spans.first.ingest_seq)
    group by date_trunc('hour', points.ts)
)

select
    ts,
    ingest_seq,
    equity_usd,
    lag({ 'ts': ts, 'ingest_seq': ingest_seq, 'equity_usd': equity_usd }) over (order by ts, ingest_seq) as before,
from points
