-- Closes of the last 37 days. Grain: one row per event.
-- Columns:
--   is_in_30d: closed in the last 30 days
--   is_in_7d: closed in the last 7 days
--   closed_qty: quantity closed, else |before - after|, without sign [base units]
select
    * exclude (closed_qty),
    coalesce(abs(closed_qty), abs(position_size_before - position_size_after)) as closed_qty,
    ts > as_of() - interval 30 day as is_in_30d,
    ts > as_of() - interval 7 day as is_in_7d,
from seen_order_closes
where ts > as_of() - interval 37 day
