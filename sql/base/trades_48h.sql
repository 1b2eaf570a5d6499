-- Closed trades of the last 48 hours, the expectancy window (semantics 1). Grain: one row per order_close.
select *
from trades_7d
where is_in_48h
