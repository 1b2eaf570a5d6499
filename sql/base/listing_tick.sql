-- The newest tick that lists positions (semantics 11). Grain: one row, none before any such tick. The search begins
-- within a day: the instant found there saves the second search from reading the history.
-- Columns:
--   event_id: identity of the tick
with listing_ticks as (
    select * from seen_ticks where position_count is not null
),

recent as (
    select max(ts) as ts from listing_ticks where ts > as_of() - interval 1 day
)

select
    event_id,
    ts,
    position_count,
from listing_ticks
where ts >= (select coalesce(recent.ts, cast('-infinity' as timestamptz)) from recent)
order by ts desc, ingest_seq desc
limit 1
