-- The inputs of the published files as of the session's instant, and which of them stopped (semantics: stopped inputs).
-- Grain: one row per input. Ticks, lists of positions and marks come with every tick, so nav_freshness_seconds of the
-- limits holds for all three. The executor is alive while it records anything at all. The candidate pipeline gives a
-- sign of life every ten minutes; while it is switched off nothing rests on it.
-- Columns:
--   input: ticks, positions, marks, executor or shadow
--   newest_ts: event time of its newest row; null: there is none, so it has not begun
--   age_s: age of the newest row
--   stops_after_s: age of the newest row from which the input counts as stopped
--   is_stopped: the newest row is older than that
with newest as (
    select
        nav_freshness_s,
        (select max(nav_series.ts) from nav_series) as ticks_ts,
        (select listing_tick.ts from listing_tick) as positions_ts,
        (select newest_mark.ts from newest_mark) as marks_ts,
        greatest(
            (select executor_seen.ts from executor_seen),
            (select seen_ticks.ts from seen_ticks order by ts desc limit 1)
        ) as executor_ts,
        (
            select seen_shadow_decisions.ts
            from seen_shadow_decisions
            where (select flags.is_pipeline_shadow_on from flags)
            order by ts desc
            limit 1
        ) as shadow_ts,
        coalesce(cast(configured('executor_stops_after_s') as double), 900) as executor_stops_after_s,
        coalesce(cast(configured('shadow_stops_after_s') as double), 1800) as shadow_stops_after_s,
    from limits
),

inputs as (
    select
        unnest(['executor', 'marks', 'positions', 'shadow', 'ticks']) as input,
        unnest([executor_ts, marks_ts, positions_ts, shadow_ts, ticks_ts]) as newest_ts,
        unnest(
            [executor_stops_after_s, nav_freshness_s, nav_freshness_s, shadow_stops_after_s, nav_freshness_s]
        ) as stops_after_s,
    from newest
)

select
    inputs.input,
    inputs.newest_ts,
    epoch(clock.as_of - inputs.newest_ts) as age_s,
    inputs.stops_after_s,
    coalesce(epoch(clock.as_of - inputs.newest_ts) > inputs.stops_after_s, false) as is_stopped,
from inputs
cross join clock
order by inputs.input
