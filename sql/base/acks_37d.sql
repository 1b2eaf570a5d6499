-- Acknowledgements of the last 37 days as they came, twins apart. Grain: one row per event.
-- Columns:
--   is_dry: the venue's status is DRY: no order reached it
--   mid_price: middle of the quote at the ack; null: not known [quote/base]
select
    event_id,
    ts,
    ingest_seq,
    symbol,
    order_id,
    attempt_id,
    positive(request_qty) as request_qty,
    upper(status) as status,
    coalesce(upper(status) = 'DRY', false) as is_dry,
    mid_price(bid_price, ask_price) as mid_price,
    positive(mark_price) as mark_price,
from seen_order_acks
where ts > as_of() - interval 37 day
