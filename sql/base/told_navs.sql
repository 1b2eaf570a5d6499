-- Every NAV that a process recorded: in its ticks (equity), attempts and vetoes. Grain: one row per event. A runtime
-- that does not know its NAV records 0; values of 0 and less are left out. Reads ticks, order_attempts, vetoes.
-- Columns:
--   process: process that recorded it, `host:pid`
--   source: tick, attempt or veto
--   is_derived: recorded in passing with an attempt or a veto, not reported as the account's equity
--   nav_usd: NAV that was recorded
select
    ts,
    ingest_seq,
    process_of(hostname, pid) as process,
    'tick' as source,
    false as is_derived,
    equity_usd as nav_usd,
from seen_ticks
where equity_usd > 0
union all
select
    ts,
    ingest_seq,
    process_of(hostname, pid) as process,
    'attempt' as source,
    true as is_derived,
    json_number(nav_snapshot, '$.nav_usd') as nav_usd,
from seen_order_attempts
where json_number(nav_snapshot, '$.nav_usd') > 0
union all
select
    ts,
    ingest_seq,
    process_of(hostname, pid) as process,
    'veto' as source,
    true as is_derived,
    coalesce(json_number(context, '$.nav'), json_number(veto_detail, '$.nav_snapshot.nav_usd')) as nav_usd,
from seen_vetoes
where coalesce(json_number(context, '$.nav'), json_number(veto_detail, '$.nav_snapshot.nav_usd')) > 0
