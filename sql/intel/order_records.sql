-- What each row of an order's fills added: the rows that hold more than all before them (execution quality).
-- Grain: one row per row of order_fills that added something. Rows run in the order (ts, executed_qty, ingest_seq).
-- Columns:
--   qty: quantity that the row added [base units]
--   price: price of that quantity; the row's average price where it would not be above 0 [quote/base]
--   first_fill_ts: time of the order's first fill
--   is_state: the row that tells most: the order's state
with ordered as (
    select
        *,
        greatest(0, coalesce(max(executed_qty) over so_far, 0)) as before,
        min(ts_fill_first) over (partition by symbol, order_id) as first_fill_ts,
    from fills_37d
    window so_far as (
        partition by symbol, order_id order by ts, executed_qty, ingest_seq
        rows between unbounded preceding and 1 preceding
    )
),

added as (
    select
        *,
        executed_qty - before as qty,
        (executed_qty * avg_price - before * coalesce(lag(avg_price) over in_order, 0)) / (executed_qty - before)
            as price_of_it,
        lead(executed_qty) over in_order is null as is_state,
    from ordered
    where executed_qty > before
    window in_order as (partition by symbol, order_id order by ts, executed_qty, ingest_seq)
)

select
    * exclude (before, price_of_it),
    case when price_of_it > 0 then price_of_it else avg_price end as price,
from added
