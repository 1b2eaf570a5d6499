-- Router metrics of the last 37 days: of several of one attempt the latest. Grain: one row per attempt_id.
-- Columns:
--   end_mid_price: middle of the quote when the attempt ended; null: not known [quote/base]
--   end_mark_price: mark price when the attempt ended; null: not known [quote/base]
select
    event_id,
    ts,
    ingest_seq,
    attempt_id,
    symbol,
    nullif(lower(trim(route)), '') as route,
    upper(status) as status,
    is_maker_final,
    positive(mark_price) as mark_price,
    positive(avg_fill_price) as avg_fill_price,
    contracts_qty,
    mid_price(end_bid_price, end_ask_price) as end_mid_price,
    positive(end_mark_price) as end_mark_price,
from router_metrics
where ts > as_of() - interval 37 day and attempt_id is not null
qualify row_number() over (partition by attempt_id order by ts desc, ingest_seq desc) = 1
