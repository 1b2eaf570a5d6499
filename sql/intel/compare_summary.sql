-- Shadow against live over the last 500 shadow decisions (semantics 10). Grain: one row.
-- Stats of an empty list are null.
-- Size differences are absolute, in per cent; slippage differences signed, in bps. Warm-up below 200 decisions.
-- Columns:
--   sample_size: shadow decisions looked at, at most 500 [1]
--   veto_mismatch_pct: share of decisions where one side would trade and the other not
--   size_diff_stats: mean, p50 and p95 of |size_pct_diff| [%]
--   slippage_diff_bps: mean, p50 and p95 of the slippage difference, signed
--   is_warmup: fewer decisions than min_sample_size: for information only
--   warmup_reason: sample_size_below_min, else null
--   min_sample_size: smallest sample that is not warm-up [1]
select
    count(*) as sample_size,
    100 * count(*) filter (where is_veto_mismatch) / nullif(count(*), 0) as veto_mismatch_pct,
    {
        'mean': avg(abs(size_pct_diff) order by ts, ingest_seq),
        'p50': quantile_cont(abs(size_pct_diff), 0.5),
        'p95': quantile_cont(abs(size_pct_diff), 0.95)
    } as size_diff_stats,
    {
        'mean': avg(slippage_diff_bps order by ts, ingest_seq),
        'p50': quantile_cont(slippage_diff_bps, 0.5),
        'p95': quantile_cont(slippage_diff_bps, 0.95)
    } as slippage_diff_bps,
    count(*) < 200 as is_warmup,
    case when count(*) < 200 then 'sample_size_below_min' end as warmup_reason,
    200 as min_sample_size,
from compare_pairs
