-- Records of attempts that cannot be true together, or of which one is missing (execution quality).
-- Grain: one row per finding. See reconciliation_findings.
-- Columns:
--   check_name: what was held against what, e.g. overfilled
--   severity: error: figures are wrong; warning: they may be
--   ref: id of the order, attempt or trade; null: the finding concerns the account
--   found: what the record says
--   expected: what the other records say; null: nothing
--   event_ids: the records to look at, sorted
with filled as (
    select
        attempt_id,
        exact_sum(cash_usd) / nullif(exact_sum(executed_qty), 0) as avg_price,
        list(event_id) as event_ids,
    from filled_orders
    where attempt_id is not null
    group by attempt_id
)

select
    'metric_without_fill' as check_name,
    'error' as severity,
    metrics.symbol,
    metrics.attempt_id as ref,
    metrics.ts,
    0e0 as found,
    metrics.contracts_qty as expected,
    [metrics.event_id] as event_ids,
from metrics_37d as metrics
cross join clock
anti join filled on metrics.attempt_id = filled.attempt_id
where metrics.status = 'FILLED' and metrics.ts <= clock.as_of - interval 60 second
union all
select
    'price_differs' as check_name,
    'warning' as severity,
    metrics.symbol,
    metrics.attempt_id as ref,
    metrics.ts,
    metrics.avg_fill_price as found,
    filled.avg_price as expected,
    list_append(filled.event_ids, metrics.event_id) as event_ids,
from metrics_37d as metrics
inner join filled on metrics.attempt_id = filled.attempt_id
cross join clock
where
    abs(metrics.avg_fill_price - filled.avg_price) > 1e-4 * filled.avg_price
    and metrics.ts <= clock.as_of - interval 60 second
union all
select
    'attempt_without_outcome' as check_name,
    'warning' as severity,
    attempts.symbol,
    attempts.attempt_id as ref,
    attempts.ts,
    null as found,
    null as expected,
    [attempts.event_id] as event_ids,
from attempt_outcomes as attempts
cross join clock
where
    attempts.ts < clock.as_of - interval 1 hour
    and attempts.ack_ts is null
    and attempts.error_ts is null
    and attempts.metric_ts is null
    and attempts.last_fill_ts is null
union all
select
    'duplicate_attempt' as check_name,
    'warning' as severity,
    arg_min(symbol, (ts, ingest_seq)) as symbol,
    attempt_id as ref,
    max(ts) as ts,
    cast(count(*) as double) as found,
    1e0 as expected,
    list(event_id) as event_ids,
from attempt_rows_7d
where attempt_id is not null
group by attempt_id
having count(*) > 1
