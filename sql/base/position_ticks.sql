-- Between which ticks positions are held against fills: the newest that lists positions, and the anchor: the newest
-- such tick at or before 7 days ago, else the first. Grain: one row; null before any such tick.
-- The anchor is looked for within a day first: the instant found there keeps the second look from reading the history.
-- Columns:
--   anchor: the tick it starts with
--   newest: the tick it ends with; null: it does not lie in the last 7 days, or is the anchor itself
with listing as (
    select ts, ingest_seq, event_id
    from seen_ticks
    where position_count is not null and ts > as_of() - interval 37 day
),

recent as (
    select max(ts) as ts
    from listing
    where ts <= as_of() - interval 7 day and ts > as_of() - interval 8 day
),

older as (
    select arg_max(listing, (ts, ingest_seq)) as tick
    from listing
    where
        ts <= as_of() - interval 7 day
        and ts >= (select coalesce(recent.ts, cast('-infinity' as timestamptz)) from recent)
),

found as (
    select
        coalesce(
            (select older.tick from older),
            (
                select arg_min(listing, (listing.ts, listing.ingest_seq))
                from listing
                where (select older.tick from older) is null
            )
        ) as anchor,
        (
            select arg_max(listing, (listing.ts, listing.ingest_seq))
            from listing
            where listing.ts > as_of() - interval 7 day
        ) as newest,
)

select
    anchor,
    case when (newest.ts, newest.ingest_seq) > (anchor.ts, anchor.ingest_seq) then newest end as newest,
from found
