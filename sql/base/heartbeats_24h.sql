-- Heartbeats of the last 24 hours. Grain: one row per heartbeat.
select *
from seen_heartbeats
where ts > as_of() - interval 24 hour
