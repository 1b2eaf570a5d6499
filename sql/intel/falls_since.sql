-- How far the equity was below its highest value so far, minute by minute, from an instant on. USD, per cent.
-- Grain: one row per minute with a tick: its deepest fall. `apart`: processes whose ticks are left out, `host:pid`.
-- Columns:
--   minute: start of the minute
--   peak_usd: highest equity before the fall, that of the instant's tick and later ones
--   trough_ts: when the fall was deepest within the minute
--   trough_usd: equity at that moment
--   fall_pct: how far that is below the peak, in per cent of the peak, positive is loss
create macro falls_since(since, apart) as table
with account_ticks as (
    select
        ts,
        ingest_seq,
        equity_usd,
        epoch_us(ts) // 60000000 as minute,
    from seen_ticks
    where ts >= since and equity_usd > 0 and not is_apart(apart, hostname, pid)
),

minutes as (
    select
        minute,
        max(equity_usd) as high_usd,
        min(equity_usd) as low_usd,
        arg_min(ts, (equity_usd, ts)) as low_ts,
    from account_ticks
    group by minute
),

before_minutes as (
    select
        *,
        max(high_usd) over (order by minute rows between unbounded preceding and 1 preceding) as peak_usd,
    from minutes
),

-- a running peak over each tick of a year takes half a minute; only within a minute that reaches a new peak does the
-- order of its ticks matter
rising as (
    select
        ticks.minute,
        ticks.ts,
        ticks.equity_usd,
        greatest(
            before_minutes.peak_usd,
            max(ticks.equity_usd) over (
                partition by ticks.minute order by ticks.ts, ticks.ingest_seq
                rows between unbounded preceding and current row
            )
        ) as peak_usd,
    from account_ticks as ticks
    inner join before_minutes on ticks.minute = before_minutes.minute
    where before_minutes.peak_usd is null or before_minutes.high_usd > before_minutes.peak_usd
),

deepest as (
    select *
    from rising
    qualify row_number() over (partition by minute order by (peak_usd - equity_usd) / peak_usd desc, ts) = 1
)

select
    make_timestamptz(minute * 60000000) as minute,
    peak_usd,
    ts as trough_ts,
    equity_usd as trough_usd,
    100 * (peak_usd - equity_usd) / peak_usd as fall_pct,
from deepest
union all
select
    make_timestamptz(minute * 60000000) as minute,
    peak_usd,
    low_ts as trough_ts,
    low_usd as trough_usd,
    100 * (peak_usd - low_usd) / peak_usd as fall_pct,
from before_minutes
where high_usd <= peak_usd
order by minute;
