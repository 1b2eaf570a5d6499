-- From which tick to which the account is judged. Grain: one row per window of 1, 7 and 30 days.
-- It starts with the last tick that counts at or before the window, else with the first in it.
-- Columns:
--   is_partial: there is no tick at or before the start of the window
--   first: the tick it starts with; null: no later tick lies in the window
--   latest: the latest tick
with before as (
    select
        windows.days,
        arg_max(
            { 'ts': points.ts, 'ingest_seq': points.ingest_seq, 'equity_usd': points.equity_usd },
            (points.ts, points.ingest_seq)
        ) as tick,
    from account_windows as windows
    inner join nav_points_37d as points on windows.since_ts >= points.ts
    group by windows.days
),

latest as (
    select
        arg_max({ 'ts': ts, 'ingest_seq': ingest_seq, 'equity_usd': equity_usd }, (ts, ingest_seq)) as tick,
    from nav_points_37d
),

-- of young accounts: the minute of the first tick in the window
first_minutes as (
    select
        windows.days,
        windows.since_ts,
        date_trunc('minute', min(points.ts)) as minute,
    from account_windows as windows
    inner join nav_points_37d as points on windows.since_ts < points.ts
    where windows.tick is null and windows.days not in (select before.days from before)
    group by windows.days, windows.since_ts
),

firsts as (
    select
        minutes.days,
        arg_min(
            { 'ts': ticks.ts, 'ingest_seq': ticks.ingest_seq, 'equity_usd': ticks.equity_usd },
            (ticks.ts, ticks.ingest_seq)
        ) as tick,
    from nav_ticks as ticks
    inner join first_minutes as minutes
        on
            ticks.ts >= minutes.minute
            and ticks.ts < minutes.minute + interval 1 minute
            and ticks.ts > minutes.since_ts
    where ticks.ts >= (select min(first_minutes.minute) from first_minutes)
    group by minutes.days
),

spans as (
    select
        windows.days,
        windows.since_ts,
        windows.tick is null and before.tick is null as is_partial,
        -- ticks of the start's own minute are later than those of minutes before it
        coalesce(windows.tick, before.tick, firsts.tick) as first,
        latest.tick as latest,
    from account_windows as windows
    left join before on windows.days = before.days
    left join firsts on windows.days = firsts.days
    cross join latest
)

select
    days,
    since_ts,
    is_partial,
    case
        when
            spans.latest.ts > since_ts
            and (spans.latest.ts, spans.latest.ingest_seq) > (spans.first.ts, spans.first.ingest_seq)
            then first
    end as first,
    latest,
from spans
