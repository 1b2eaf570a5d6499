-- What each order of the last 37 days paid in fees, in dollars (execution quality). Grain: one row per order.
-- Columns:
--   ts: time of the last fill, at which the fee is booked
--   fee_usd: fees, negative is a rebate; null: one of its assets has no known price
select
    orders.symbol,
    orders.order_id,
    orders.event_id,
    orders.ts,
    orders.ingest_seq,
    orders.attempt_id,
    orders.strategy,
    orders.is_in_30d,
    -- an order that names no asset at all paid nothing
    case when fees.event_id is null then 0 else fees.fee_usd end as fee_usd,
from filled_orders as orders
left join record_fees as fees on orders.event_id = fees.event_id
