-- Windows over which the account is judged, and the last tick at or before the start of each in the minute it lies in.
-- Grain: one row per window.
-- Columns:
--   days: length of the window [d]
--   since_ts: start of the window, which itself is outside
--   tick: the last tick that counts in the minute of the start, up to the start; null: none
with near as (
    select 1 as days, ts, ingest_seq, equity_usd
    from nav_ticks
    where ts <= as_of() - interval 1 day and ts >= date_trunc('minute', as_of() - interval 1 day)
    union all
    select 7 as days, ts, ingest_seq, equity_usd
    from nav_ticks
    where ts <= as_of() - interval 7 day and ts >= date_trunc('minute', as_of() - interval 7 day)
    union all
    select 30 as days, ts, ingest_seq, equity_usd
    from nav_ticks
    where ts <= as_of() - interval 30 day and ts >= date_trunc('minute', as_of() - interval 30 day)
),

latest as (
    select
        days,
        arg_max({ 'ts': ts, 'ingest_seq': ingest_seq, 'equity_usd': equity_usd }, (ts, ingest_seq)) as tick,
    from near
    group by days
)

select
    windows.days,
    as_of() - to_days(windows.days) as since_ts,
    latest.tick,
from (values (1), (7), (30)) as windows (days)
left join latest on windows.days = latest.days
