-- Every process that recorded something after an instant or in the 30 days before, and the NAV that it recorded.
-- Grain: one row per process. Counts are of events after the instant, NAVs of the 30 days before as well.
-- Columns:
--   process: process, `host:pid`
--   first_ts: first event, or NAV recorded before the instant
--   last_ts: last event
--   nav_first_usd: first NAV that it recorded; null: none
--   nav_last_usd: last NAV that it recorded
--   nav_low_usd: lowest NAV that it recorded
--   nav_high_usd: highest NAV that it recorded
--   navs: recorded NAVs [1]
--   ticks: ticks [1]
--   attempts: order attempts, one attempt_id once [1]
--   vetoes: vetoes, twins merged [1]
--   fills: orders with a fill [1]
--   closes: closed trades [1]
--   errors: order errors [1]
create macro processes_since(since) as table
with navs as (
    select
        process,
        min(ts) as first_ts,
        max(ts) as last_ts,
        arg_min(nav_usd, (ts, ingest_seq)) as nav_first_usd,
        arg_max(nav_usd, (ts, ingest_seq)) as nav_last_usd,
        min(nav_usd) as nav_low_usd,
        max(nav_usd) as nav_high_usd,
        count(*) as navs,
    from told_navs
    where ts > since - interval 30 day
    group by process
),

events as (
    select process_of(hostname, pid) as process, ts, 'tick' as event, null as id from seen_ticks where ts > since
    union all
    select process_of(hostname, pid) as process, ts, 'attempt' as event, coalesce(attempt_id, event_id) as id
    from seen_order_attempts
    where ts > since
    union all
    select process_of(recorded.hostname, recorded.pid) as process, merged.ts, 'veto' as event, merged.event_id as id
    from vetoes_since(since - interval 1 hour) as merged
    inner join seen_vetoes as recorded
        on merged.event_id = recorded.event_id and recorded.ts > since - interval 1 hour
    where merged.ts > since
    union all
    select process, ts, 'fill' as event, event_id as id from filled_orders_since(since)
    union all
    select process_of(hostname, pid) as process, ts, 'close' as event, event_id as id
    from seen_order_closes
    where ts > since
    union all
    select process_of(hostname, pid) as process, ts, 'error' as event, event_id as id
    from seen_order_errors
    where ts > since
),

counted as (
    select
        process,
        min(ts) as first_ts,
        max(ts) as last_ts,
        count(*) filter (where event = 'tick') as ticks,
        count(distinct id) filter (where event = 'attempt') as attempts,
        count(*) filter (where event = 'veto') as vetoes,
        count(*) filter (where event = 'fill') as fills,
        count(*) filter (where event = 'close') as closes,
        count(*) filter (where event = 'error') as errors,
    from events
    group by process
)

select
    coalesce(counted.process, navs.process) as process,
    least(counted.first_ts, navs.first_ts) as first_ts,
    greatest(counted.last_ts, navs.last_ts) as last_ts,
    navs.nav_first_usd,
    navs.nav_last_usd,
    navs.nav_low_usd,
    navs.nav_high_usd,
    coalesce(navs.navs, 0) as navs,
    coalesce(counted.ticks, 0) as ticks,
    coalesce(counted.attempts, 0) as attempts,
    coalesce(counted.vetoes, 0) as vetoes,
    coalesce(counted.fills, 0) as fills,
    coalesce(counted.closes, 0) as closes,
    coalesce(counted.errors, 0) as errors,
from counted
full join navs on counted.process = navs.process
order by first_ts, process;
