-- pipeline_v6_shadow_head.json (semantics 10). One row; its columns are the top-level keys.
-- Zeros and no decision with PIPELINE_V6_SHADOW off.
-- Columns:
--   generated_ts: the file's instant, epoch [s]
--   lookback_hours: length of the window [h]
select
    staleness.stale_s,
    staleness.stale_inputs,
    case when flags.is_pipeline_shadow_on then shadow_head.total else 0 end as total,
    case when flags.is_pipeline_shadow_on then shadow_head.allowed else 0 end as allowed,
    case when flags.is_pipeline_shadow_on then shadow_head.vetoed else 0 end as vetoed,
    clock.as_of_s as generated_ts,
    case when flags.is_pipeline_shadow_on then shadow_head.last_decision end as last_decision,
    cast(24 as double) as lookback_hours,
from shadow_head
cross join flags
cross join clock
cross join staleness(['shadow']) as staleness
