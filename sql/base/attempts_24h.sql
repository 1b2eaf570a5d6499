-- Order attempts of the last 24 hours. Grain: one row per attempt.
select *
from seen_order_attempts
where ts > as_of() - interval 24 hour
