-- Every closed trade (semantics 1). Grain: one row per order_close. See trades_since for the columns.
select *
from trades_since(timestamptz '-infinity')
