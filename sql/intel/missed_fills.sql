-- What ended attempts of the last 7 days did not get (execution quality). Grain: one row per attempt.
-- Columns:
--   reason: status of the attempt: partial, unfilled or rejected
--   qty: quantity asked for and not filled [base units]
--   start_price: price at decision [quote/base]
select
    attempt_id,
    ts,
    ingest_seq,
    event_id,
    symbol,
    sign,
    status as reason,
    target_qty - executed_qty as qty,
    kind,
    decision_price as start_price,
from attempt_outcomes
where
    is_in_7d
    and status in ('partial', 'unfilled', 'rejected')
    and target_qty - executed_qty > 1e-9 * target_qty
    and not reduce_only
