-- Rows of fills of the last 37 days whose side and average price are known, cumulative per order.
-- Grain: one row per event.
-- Columns:
--   sign: 1 for BUY, -1 for SELL
--   is_in_30d: filled in the last 30 days
--   is_in_7d: filled in the last 7 days
--   mid_price: middle of the quote at the fill; null: not known [quote/base]
select
    event_id,
    ts,
    ingest_seq,
    ts_fill_first,
    symbol,
    order_id,
    side_sign(side) as sign,
    executed_qty,
    avg_price,
    fee_total,
    fee_asset,
    trade_ids,
    position_side,
    attempt_id,
    strategy,
    mid_price(bid_price, ask_price) as mid_price,
    positive(mark_price) as mark_price,
    maker_qty,
    fees_by_asset,
    ts > as_of() - interval 30 day as is_in_30d,
    ts > as_of() - interval 7 day as is_in_7d,
from seen_order_fills
where ts > as_of() - interval 37 day and avg_price > 0 and side_sign(side) is not null
