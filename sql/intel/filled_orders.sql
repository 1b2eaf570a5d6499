-- Orders with a fill in the last 37 days and the state of each: its row that tells most. Dry runs are left out.
-- Grain: one row per (symbol, order_id).
-- Columns:
--   ts: time of the last fill
--   first_fill_ts: time of the first fill
--   executed_qty: quantity filled [base units]
--   cash_usd: quantity filled times average price
--   attempt_id: the attempt that the state names, else its acknowledgement
--   ack_id: event_id of the order's earliest acknowledgement; null: none is on record
--   asked_qty: quantity that the acknowledgement says was asked for [base units]
with acks as (
    select
        symbol,
        order_id,
        arg_min(
            {
                'event_id': event_id, 'attempt_id': attempt_id, 'request_qty': request_qty, 'is_dry': is_dry
            },
            (ts, ingest_seq)
        ) as ack,
    from acks_37d
    group by symbol, order_id
)

select
    states.* exclude (qty, price, is_state, attempt_id),
    states.executed_qty * states.avg_price as cash_usd,
    coalesce(states.attempt_id, acks.ack.attempt_id) as attempt_id,
    acks.ack.event_id as ack_id,
    acks.ack.request_qty as asked_qty,
from order_records as states
left join acks on states.symbol = acks.symbol and states.order_id = acks.order_id
where states.is_state and not coalesce(acks.ack.is_dry, false)
