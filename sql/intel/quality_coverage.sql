-- How much of what was traded in 7 days the figures of execution quality rest on. Grain: one row.
-- Columns:
--   attempts: rows of order attempts [1]
--   attempts_without_id: rows that name no attempt [1]
--   measured: attempts with a side and a quantity, dry runs left out [1]
--   decision_mid: of these, decided with a quote on record [1]
--   decision_mark: of these, decided with a mark price on record alone [1]
--   arrival_price: of these, with a price when the venue had the order [1]
--   with_total: of these, with a known total cost [1]
--   with_parts: of these, with every part of the cost known [1]
--   executions: executions of the attempts [1]
--   execution_ref_price: of these, with a known price of the moment [1]
--   unpriced_fee_orders: orders of the attempts whose fees are not known [1]
with rows_in_window as (
    select
        count(*) as attempts,
        count(*) filter (where attempt_id is null) as attempts_without_id,
    from attempt_rows_7d
),

measured as (
    select
        count(*) as measured,
        count(*) filter (where kind = 'mid') as decision_mid,
        count(*) filter (where kind = 'mark') as decision_mark,
        count(arrival_price) as arrival_price,
        count(total_usd) as with_total,
        count(*) filter (where is_complete) as with_parts,
    from order_quality
),

executed as (
    select
        count(*) as executions,
        count(ref_price) as execution_ref_price,
    from executions
),

fees as (
    select count(*) as unpriced_fee_orders
    from order_fees
    where fee_usd is null and attempt_id in (select order_quality.attempt_id from order_quality)
)

select
    rows_in_window.*,
    measured.*,
    executed.*,
    fees.unpriced_fee_orders,
from rows_in_window
cross join measured
cross join executed
cross join fees
