-- pipeline_v6_compare_summary.json (semantics 10). One row; its columns are the top-level keys.
-- An empty sample with PIPELINE_V6_SHADOW off.
-- Columns:
--   generated_ts: the file's instant, epoch [s]
with unknown as (
    select { 'mean': cast(null as double), 'p50': cast(null as double), 'p95': cast(null as double) } as stats
)

select
    staleness.stale_s,
    staleness.stale_inputs,
    clock.as_of_s as generated_ts,
    case when flags.is_pipeline_shadow_on then sample_size else 0 end as sample_size,
    case when flags.is_pipeline_shadow_on then veto_mismatch_pct end as veto_mismatch_pct,
    case when flags.is_pipeline_shadow_on then size_diff_stats else unknown.stats end as size_diff_stats,
    case when flags.is_pipeline_shadow_on then slippage_diff_bps else unknown.stats end as slippage_diff_bps,
    is_warmup or not flags.is_pipeline_shadow_on as is_warmup,
    case when is_warmup or not flags.is_pipeline_shadow_on then 'sample_size_below_min' end as warmup_reason,
    min_sample_size,
from compare_summary
cross join flags
cross join unknown
cross join clock
cross join staleness(['shadow', 'executor']) as staleness
