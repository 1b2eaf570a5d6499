-- Orders whose latest fill lies in the last 7 days. Grain: one row per (symbol, order_id).
-- The latest row of the window is the latest of all, because no later row is seen.
select *
from actual_fills
where ts > as_of() - interval 7 day
qualify row_number() over (partition by symbol, order_id order by ts desc, ingest_seq desc) = 1
