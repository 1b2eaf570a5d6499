-- The fill state of each order as it is known: of its cumulative rows the latest (semantics 13).
-- Grain: one row per (symbol, order_id).
select *
from seen_order_fills
qualify row_number() over (partition by symbol, order_id order by ts desc, ingest_seq desc) = 1
