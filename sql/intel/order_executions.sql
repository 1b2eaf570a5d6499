-- Executions of orders of the last 37 days (execution quality). Grain: one row per execution. Dry runs are left out.
-- Columns:
--   attempt_id: attempt of the order; null: none is named
select
    records.* exclude (attempt_id, strategy, fee_total, fee_asset, fees_by_asset, maker_qty, trade_ids, first_fill_ts),
    orders.attempt_id,
from order_records as records
inner join filled_orders as orders on records.symbol = orders.symbol and records.order_id = orders.order_id
