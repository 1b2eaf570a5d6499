-- Orders with any row of fills in the last 37 days, whatever it tells. Grain: one row per (symbol, order_id).
select distinct symbol, order_id
from seen_order_fills
where ts > as_of() - interval 37 day
