-- Execution counts of the last 24 hours (semantics 11). Grain: one row.
-- fill_rate: share of these attempts with a fill of their attempt_id at any time; null without attempts.
-- Columns:
--   attempted_24h: order attempts [1]
--   executed_24h: orders with a fill [1]
--   vetoes_24h: vetoes, twins merged [1]
--   fill_rate: share of the attempts that have a fill [0..1]
--   top_vetoes: the five most frequent reasons, with their count
--   last_heartbeats: service to its last heartbeat, RFC 3339
with attempts as (
    select
        count(*) as attempted,
        count(*) filter (
            where attempt_id in (
                select attempt_id
                from seen_order_fills
                where executed_qty > 0 and attempt_id in (select attempt_id from attempts_24h)
            )
        ) as filled,
    from attempts_24h
),

reasons as (
    select reason, count(*) as count from vetoes_24h group by reason
),

worst as (
    select * from reasons order by count desc, reason limit 5
),

services as (
    select service, max(ts) as ts from heartbeats_24h group by service
)

select
    attempts.attempted as attempted_24h,
    (select count(*) from executed_orders_24h) as executed_24h,
    (select coalesce(sum(count), 0)::bigint from reasons) as vetoes_24h,
    attempts.filled / nullif(attempts.attempted, 0) as fill_rate,
    coalesce(
        (
            select list({ 'reason': reason, 'count': count } order by count desc, reason)
            from worst
        ),
        []
    ) as top_vetoes,
    coalesce((select map_from_entries(list((service, rfc3339(ts)) order by service)) from services), map { })
        as last_heartbeats,
from attempts
