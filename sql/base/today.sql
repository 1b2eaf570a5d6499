-- When the day of the session's instant began, in the reset time zone. Grain: one row.
select date_trunc('day', as_of() at time zone reset_timezone) at time zone reset_timezone as day_start
from limits
