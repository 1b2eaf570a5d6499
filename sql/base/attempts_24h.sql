-- Order attempts of the last 24 hours (semantics 11, 13). Grain: one row per attempt.
-- Of several rows with one attempt_id the earliest counts, so an attempt that began before the window is not counted.
with recent as (
    select *
    from seen_order_attempts
    where ts > as_of() - interval 24 hour
    qualify row_number() over (partition by coalesce(attempt_id, event_id) order by ts, ingest_seq) = 1
)

select *
from recent
where
    attempt_id is null
    or attempt_id not in (
        select older.attempt_id
        from seen_order_attempts as older
        where
            older.ts <= as_of() - interval 24 hour
            and older.attempt_id in (select recent.attempt_id from recent)
    )
