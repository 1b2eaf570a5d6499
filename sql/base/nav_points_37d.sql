-- The last tick that counts of each minute of the last 37 days. Grain: one row per minute with a tick. USD.
-- Whole minutes come from the roll-up, the others from the ticks.
with rolled as (
    select rolled_to(max(minute)) as ts from nav_minutes
)

select
    ts,
    ingest_seq,
    equity_usd,
from nav_minutes
where minute < rolled_before() and ts > as_of() - interval 37 day
union all
select
    max(ts) as ts,
    arg_max(ingest_seq, (ts, ingest_seq)) as ingest_seq,
    arg_max(equity_usd, (ts, ingest_seq)) as equity_usd,
from nav_ticks
where ts >= (select rolled.ts from rolled) and ts > as_of() - interval 37 day
group by date_trunc('minute', nav_ticks.ts)
