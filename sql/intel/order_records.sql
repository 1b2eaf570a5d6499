-- What each row of an order's fills added: the rows that hold more than all before them (execution quality).
-- Grain: one row per row of order_fills that added something.
-- Columns:
--   qty: quantity that the row added [base units]
--   price: price of that quantity; the row's average price where it would not be above 0 [quote/base]
--   is_state: the row that tells most: the order's state
with added as (
    select
        *,
        executed_qty - before as qty,
        (executed_qty * avg_price - before * coalesce(lag(avg_price) over in_order, 0)) / (executed_qty - before)
            as price_of_it,
        lead(executed_qty) over in_order is null as is_state,
    from fill_steps
    where executed_qty > before
    window in_order as (partition by symbol, order_id order by ts, executed_qty, ingest_seq)
)

select
    * exclude (before, price_of_it),
    case when price_of_it > 0 then price_of_it else avg_price end as price,
from added
