-- Records of orders that cannot be true together, or of which one is missing (execution quality).
-- Grain: one row per finding. See reconciliation_findings.
-- Columns:
--   check_name: what was held against what, e.g. overfilled
--   severity: error: figures are wrong; warning: they may be
--   ref: id of the order, attempt or trade; null: the finding concerns the account
--   found: what the record says
--   expected: what the other records say; null: nothing
--   event_ids: the records to look at, sorted
with trades as (
    select
        symbol,
        ts,
        event_id,
        unnest(case when json_type(trade_ids) = 'ARRAY' then json_extract_string(trade_ids, '$[*]') end) as trade_id,
    from filled_orders
    where is_in_7d
),

ends as (
    select symbol, order_id, ts, ingest_seq, event_id, request_qty as qty
    from acks_37d
    where status = 'FILLED'
    union all
    select symbol, order_id, ts, ingest_seq, event_id, closed_qty as qty
    from closes_37d
),

missing as (
    select
        ends.symbol,
        ends.order_id,
        min(ends.ts) as ts,
        arg_min(ends.qty, (ends.ts, ends.ingest_seq)) as qty,
        list(ends.event_id) as event_ids,
    from ends
    cross join clock
    where ends.ts <= clock.as_of - interval 60 second and ends.order_id is not null
    group by ends.symbol, ends.order_id
),

first_acks as (
    select
        symbol,
        order_id,
        arg_min(acks_37d, (ts, ingest_seq)) as ack,
    from acks_37d
    where order_id is not null
    group by symbol, order_id
)

select
    'duplicate_trade' as check_name,
    'error' as severity,
    symbol,
    trade_id as ref,
    max(ts) as ts,
    cast(count(*) as double) as found,
    1e0 as expected,
    list(event_id) as event_ids,
from trades
where trade_id is not null
group by symbol, trade_id
having count(*) > 1
union all
select
    'fill_shrank' as check_name,
    'error' as severity,
    steps.symbol,
    steps.order_id as ref,
    steps.ts,
    steps.executed_qty as found,
    steps.before as expected,
    [steps.event_id, records.event_id] as event_ids,
from fill_steps as steps
inner join filled_orders as orders on steps.symbol = orders.symbol and steps.order_id = orders.order_id
inner join order_records as records
    on
        steps.symbol = records.symbol
        and steps.order_id = records.order_id
        and steps.before = records.executed_qty
where steps.executed_qty < steps.before - 1e-9 * steps.before
union all
select
    'overfilled' as check_name,
    'error' as severity,
    symbol,
    order_id as ref,
    ts,
    executed_qty as found,
    asked_qty as expected,
    [event_id, ack_id] as event_ids,
from filled_orders
where executed_qty > asked_qty * (1 + 1e-9)
union all
select
    'missing_fill' as check_name,
    'error' as severity,
    missing.symbol,
    missing.order_id as ref,
    missing.ts,
    0e0 as found,
    missing.qty as expected,
    missing.event_ids,
from missing
anti join fill_rows_37d as fills on missing.symbol = fills.symbol and missing.order_id = fills.order_id
union all
select
    'overclosed' as check_name,
    'error' as severity,
    closes.symbol,
    closes.order_id as ref,
    closes.ts,
    closes.closed_qty as found,
    orders.executed_qty as expected,
    [closes.event_id, orders.event_id] as event_ids,
from closes_37d as closes
inner join filled_orders as orders on closes.symbol = orders.symbol and closes.order_id = orders.order_id
where closes.closed_qty > orders.executed_qty * (1 + 1e-9)
union all
select
    'fill_without_attempt' as check_name,
    'warning' as severity,
    orders.symbol,
    orders.order_id as ref,
    orders.ts,
    orders.executed_qty as found,
    null as expected,
    [orders.event_id] as event_ids,
from filled_orders as orders
left join attempts_37d as exact on orders.attempt_id = exact.attempt_id
left join attempts_37d as stripped
    on ends_with(orders.attempt_id, '_reduce') and left(orders.attempt_id, -7) = stripped.attempt_id
where exact.attempt_id is null and stripped.attempt_id is null
union all
select
    'fee_differs' as check_name,
    'warning' as severity,
    closes.symbol,
    closes.order_id as ref,
    closes.ts,
    closes.fees_usd as found,
    fees.fee_usd as expected,
    [closes.event_id, fees.event_id] as event_ids,
from closes_37d as closes
inner join order_fees as fees on closes.symbol = fees.symbol and closes.order_id = fees.order_id
where abs(closes.fees_usd - fees.fee_usd) > greatest(0.005e0, 0.01e0 * abs(fees.fee_usd))
union all
select
    'order_without_end' as check_name,
    'warning' as severity,
    first_acks.symbol,
    first_acks.order_id as ref,
    first_acks.ack.ts,
    coalesce(orders.executed_qty, 0) as found,
    first_acks.ack.request_qty as expected,
    [first_acks.ack.event_id] as event_ids,
from first_acks
cross join clock
left join filled_orders as orders
    on first_acks.symbol = orders.symbol and first_acks.order_id = orders.order_id
inner join attempt_outcomes as attempts
    on coalesce(orders.attempt_id, first_acks.ack.attempt_id) = attempts.attempt_id
where
    first_acks.ack.ts < clock.as_of - interval 1 hour
    and not first_acks.ack.is_dry
    and first_acks.ack.status is distinct from 'FILLED'
    and attempts.status = 'working'
    and not coalesce(orders.executed_qty >= first_acks.ack.request_qty * (1 - 1e-9), false)
