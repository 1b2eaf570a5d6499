-- Refused orders of the last 37 days. Grain: one row per event.
-- Columns:
--   is_in_7d: refused in the last 7 days
select
    event_id,
    ts,
    ingest_seq,
    symbol,
    attempt_id,
    error,
    ts > as_of() - interval 7 day as is_in_7d,
from seen_order_errors
where ts > as_of() - interval 37 day
