-- Orders whose latest fill lies in the last 24 hours. Grain: one row per (symbol, order_id).
select distinct symbol, order_id
from seen_order_fills
where ts > as_of() - interval 24 hour
