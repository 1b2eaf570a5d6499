-- Order attempts of the last 37 days: of several rows with one attempt_id the earliest (semantics 13).
-- Grain: one row per attempt_id.
-- Columns:
--   sign: 1 for BUY, -1 for SELL
--   mid_price: middle of the quote at decision; null: not known [quote/base]
--   is_in_7d: decided in the last 7 days
--   is_in_30d: decided in the last 30 days
select
    * exclude (mark_price, qty),
    positive(qty) as qty,
    positive(mark_price) as mark_price,
    mid_price(bid_price, ask_price) as mid_price,
    side_sign(side) as sign,
    ts > as_of() - interval 7 day as is_in_7d,
    ts > as_of() - interval 30 day as is_in_30d,
from seen_order_attempts
where ts > as_of() - interval 37 day and attempt_id is not null
qualify row_number() over (partition by attempt_id order by ts, ingest_seq) = 1
