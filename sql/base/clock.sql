-- The session's instant and the day it falls into. Grain: one row. Reads limits (reset time zone).
select
    as_of() as as_of,
    epoch(as_of()) as as_of_s,
    rfc3339(as_of()) as as_of_text,
    date_trunc('day', as_of() at time zone limits.reset_timezone) at time zone limits.reset_timezone as day_start,
from limits
