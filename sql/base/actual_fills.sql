-- Fills: rows of order_fills with a quantity (semantics 13). An order that ended without a fill has a row of quantity
-- 0, which is left out.
-- Grain: one row per event; of several rows of one order the latest counts.
select *
from seen_order_fills
where executed_qty > 0
