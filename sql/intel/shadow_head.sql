-- Shadow decisions of the last 24 hours (semantics 10). Grain: one row.
-- Columns:
--   total: shadow decisions [1]
--   allowed: shadow decisions that would trade [1]
--   vetoed: shadow decisions that would not [1]
--   last_decision: the latest decision, whole
select
    count(*) as total,
    count(*) filter (where is_allowed) as allowed,
    count(*) - count(*) filter (where is_allowed) as vetoed,
    arg_max(decision, (ts, ingest_seq)) as last_decision,
from shadow_decisions_24h
