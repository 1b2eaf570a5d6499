-- Rows of each order's fills, and what the rows before had told at most. Grain: one row per event of order_fills.
-- Rows run in the order (ts, executed_qty, ingest_seq).
-- Columns:
--   before: the most that a row before told; 0: none did [base units]
--   first_fill_ts: time of the order's first fill
select
    *,
    greatest(0, coalesce(max(executed_qty) over so_far, 0)) as before,
    min(ts_fill_first) over (partition by symbol, order_id) as first_fill_ts,
from fills_37d
window so_far as (
    partition by symbol, order_id order by ts, executed_qty, ingest_seq
    rows between unbounded preceding and 1 preceding
)
