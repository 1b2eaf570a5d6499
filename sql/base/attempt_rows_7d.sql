-- Rows of order attempts of the last 7 days as they came. Grain: one row per event.
select *
from seen_order_attempts
where ts > as_of() - interval 7 day
