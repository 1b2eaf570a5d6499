-- Funding of the last 37 days. Grain: one row per event.
-- Columns:
--   is_in_30d: settled in the last 30 days
select
    *,
    ts > as_of() - interval 30 day as is_in_30d,
from seen_funding_payments
where ts > as_of() - interval 37 day
