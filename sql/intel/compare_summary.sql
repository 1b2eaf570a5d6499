-- Shadow against live over the last 500 shadow decisions (semantics 10). Grain: one row.
-- Stats of an empty list are null.
-- Size differences are absolute, in per cent; slippage differences signed, in bps. Warm-up below 200 decisions.
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
