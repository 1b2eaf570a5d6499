-- Since when the engine's version has been the one that it is. Grain: one row, also when no version is recorded.
-- Columns:
--   since_ts: event time of the first flag snapshot of the newest version without a break; null: none is recorded
--   engine_version: the newest version; null: none is recorded
with newest as (
    select arg_max(engine_version, (ts, ingest_seq)) as engine_version
    from seen_flag_snapshots
    where engine_version is not null
),

broken as (
    select max((others.ts, others.ingest_seq)) as place
    from seen_flag_snapshots as others
    where others.engine_version <> (select newest.engine_version from newest)
),

standing as (
    select min(own.ts) as since_ts
    from seen_flag_snapshots as own
    cross join broken
    where
        own.engine_version is not null
        and (broken.place is null or (own.ts, own.ingest_seq) > broken.place)
)

select
    newest.engine_version,
    standing.since_ts,
from newest
cross join standing
