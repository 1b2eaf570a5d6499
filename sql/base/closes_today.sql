-- Closes since the day began in the reset time zone. Grain: one row per order_close.
select
    ts,
    ingest_seq,
    event_id,
    symbol,
    realized_pnl_usd,
from seen_order_closes
where ts >= (select day_start from today)
