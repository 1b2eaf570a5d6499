-- Heartbeats of the last 24 hours.
select *
from seen_heartbeats
where ts > as_of() - interval 24 hour
