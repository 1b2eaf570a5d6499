-- Shadow decisions of the last 24 hours; heartbeats are not decisions (semantics 10).
-- Grain: one row per decision.
select *
from seen_shadow_decisions
where ts > as_of() - interval 24 hour and not is_heartbeat
