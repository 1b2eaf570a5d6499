-- Acknowledged orders, with the two rows of an old ack merged (semantics 14). Grain: one row per ack.
-- An order_executed row of the same client order id is the same ack: one row is kept, with the fields of both. Ids that
-- a test venue used repeatedly ("1", "2") are matched by the nearest time.
-- Columns:
--   is_dry_run: the venue's status is DRY: no order reached it
--   twin_event_id: event_id of the other row; null: there was only one row
with acks as (
    select * from seen_order_acks where source = 'order_ack'
),

executed as (
    select * from seen_order_acks where source is distinct from 'order_ack'
),

twins as (
    select acks.event_id as ack_id, executed.event_id as executed_id
    from acks
    inner join executed on acks.symbol = executed.symbol and acks.client_order_id = executed.client_order_id
    qualify
        row_number() over (
            partition by acks.event_id order by abs(epoch_us(acks.ts) - epoch_us(executed.ts)), executed.ingest_seq
        ) = 1
        and row_number() over (
            partition by executed.event_id order by abs(epoch_us(acks.ts) - epoch_us(executed.ts)), acks.ingest_seq
        ) = 1
)

select
    kept.ts,
    kept.symbol,
    coalesce(kept.side, twin.side) as side,
    kept.order_id,
    kept.client_order_id,
    coalesce(kept.request_qty, twin.request_qty) as request_qty,
    coalesce(kept.order_type, twin.order_type) as order_type,
    coalesce(kept.status, twin.status) as status,
    coalesce(kept.status = 'DRY', false) as is_dry_run,
    coalesce(kept.price, twin.price) as price,
    coalesce(kept.position_side, twin.position_side) as position_side,
    coalesce(kept.reduce_only, twin.reduce_only) as reduce_only,
    coalesce(kept.latency_ms, twin.latency_ms) as latency_ms,
    coalesce(kept.attempt_id, twin.attempt_id) as attempt_id,
    coalesce(kept.intent_id, twin.intent_id) as intent_id,
    coalesce(kept.strategy, twin.strategy) as strategy,
    kept.event_id,
    twin.event_id as twin_event_id,
    kept.ingest_seq,
from seen_order_acks as kept
left join twins as pair on kept.event_id = pair.ack_id
left join executed as twin on pair.executed_id = twin.event_id
where kept.event_id not in (select executed_id from twins)
