-- When the day of the session's instant began, in the reset time zone. Grain: one row.
-- Columns:
--   day_start: when the day began
select date_trunc('day', as_of() at time zone reset_timezone) at time zone reset_timezone as day_start
from limits
