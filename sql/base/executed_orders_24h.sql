-- Orders whose latest fill lies in the last 24 hours. Grain: one row per (symbol, order_id).
select distinct symbol, order_id
from actual_fills
where ts > as_of() - interval 24 hour
