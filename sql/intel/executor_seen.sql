-- When the executor was last heard of, by what it records beside its ticks (semantics: stopped inputs). Grain: one row.
-- Order rows come when there is something to trade; heartbeats and flags also when there is not. A heartbeat is the
-- executor's where the name of its service begins with executor.
-- Columns:
--   ts: event time of the newest such row; null: there is none
with found as (
    (select ts from seen_order_attempts order by ts desc limit 1)
    union all
    (select ts from seen_order_acks order by ts desc limit 1)
    union all
    (select ts from seen_order_fills order by ts desc limit 1)
    union all
    (select ts from seen_order_closes order by ts desc limit 1)
    union all
    (select ts from seen_order_errors order by ts desc limit 1)
    union all
    (select ts from seen_order_metrics order by ts desc limit 1)
    union all
    (select ts from seen_vetoes order by ts desc limit 1)
    union all
    (select ts from seen_positions where tick_id is null order by ts desc limit 1)
    union all
    (select ts from seen_flag_snapshots order by ts desc limit 1)
    union all
    (select ts from seen_heartbeats where starts_with(lower(service), 'executor') order by ts desc limit 1)
)

select max(ts) as ts from found
