-- execution_quality.json. One row; its columns are the top-level keys. No flag empties it.
-- Columns:
--   updated_ts: the file's instant, epoch [s]
--   lookback_days: length of the window of attempts, executions and vetoes [d]
--   edge_days: length of the window of edge [d]
--   horizons_s: times after a fill at which prices are compared
--   coverage: how much of what was traded the figures rest on
--   cells: cost, markouts and fills by what attempts have in common
--   rejects: why orders were refused, the ten most frequent reasons
--   usual_cost_bps: symbol to the usual cost of an execution, fees included
--   foregone: what missed fills and vetoes cost or saved
--   edge: what a closed trade brought, before and after all fees
--   account: where the change of NAV came from
--   shadow: the candidate pipeline against the live one
select
    clock.as_of_s as updated_ts,
    7e0 as lookback_days,
    30e0 as edge_days,
    [1, 10, 60, 300] as horizons_s,
    (select quality_coverage from quality_coverage) as coverage,
    coalesce((select list(execution_quality_cells) from execution_quality_cells), []) as cells,
    coalesce((select list(reject_reasons) from reject_reasons), []) as rejects,
    coalesce(
        (
            select map_from_entries(list((costs.symbol, costs.usual_cost_bps) order by costs.symbol))
            from usual_costs as costs
            where costs.symbol is not null
        ),
        map { }
    ) as usual_cost_bps,
    coalesce((select list(foregone_by_reason) from foregone_by_reason), []) as foregone,
    coalesce((select list(edge) from edge), []) as edge,
    coalesce(
        (
            select
                list(
                    struct_update(
                        span, from_ts := epoch_us(span.from_ts) / 1e6, to_ts := epoch_us(span.to_ts) / 1e6
                    )
                    order by span.days
                )
            from account_performance as span
        ),
        []
    ) as account,
    (
        select struct_update(compared, since_ts := epoch_us(compared.since_ts) / 1e6)
        from shadow_verdict as compared
    ) as shadow,
    staleness.stale_s,
    staleness.stale_inputs,
from clock
cross join staleness(['ticks', 'positions', 'marks', 'executor', 'shadow']) as staleness
