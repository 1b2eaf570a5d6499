-- The value of one unit of the account, so that deposits are no profit: 1 at the start of each window.
-- Grain: one row per window and minute with a tick that counts, and one for the start.
-- Columns:
--   unit: value of what was one dollar at the start, transfers taken out [1]
--   peak: highest unit so far [1]
with points as (
    select days, first.ts, first.ingest_seq, first.equity_usd
    from account_spans
    where first is not null
    union all
    select spans.days, points.ts, points.ingest_seq, points.equity_usd
    from account_spans as spans
    inner join nav_points_37d as points on spans.since_ts < points.ts
    where (points.ts, points.ingest_seq) > (spans.first.ts, spans.first.ingest_seq)
),

moved as (
    select
        spans.days,
        transfers.ts,
        transfers.amount_usd,
    from transfers_37d as transfers
    inner join account_spans as spans on transfers.ts > spans.first.ts
),

-- a transfer counts at the first point at or after it
arrived as (
    select
        moved.days,
        points.ts,
        max(points.ingest_seq) as ingest_seq,
        exact_sum(moved.amount_usd) as amount_usd,
    from moved
    asof inner join points on moved.days = points.days and moved.ts <= points.ts
    group by moved.days, points.ts
),

factors as (
    select
        points.*,
        greatest(0, 1 - coalesce(arrived.amount_usd, 0) / points.equity_usd) as factor,
    from points
    left join arrived
        on points.days = arrived.days and points.ts = arrived.ts and points.ingest_seq = arrived.ingest_seq
),

units as (
    select
        days,
        ts,
        ingest_seq,
        equity_usd / first_value(equity_usd) over so_far * product(factor) over so_far as unit,
    from factors
    window so_far as (
        partition by days order by ts, ingest_seq rows between unbounded preceding and current row
    )
)

select
    days,
    ts,
    ingest_seq,
    unit,
    max(unit) over (
        partition by days order by ts, ingest_seq rows between unbounded preceding and current row
    ) as peak,
from units
