-- Prices that have to be looked for: those no row tells itself (execution quality).
-- Grain: one row per symbol, kind, instant and age; only instants that have come.
-- Columns:
--   kind: mid or mark
--   at_ts: instant whose price is asked for
--   within_s: age from which a price is too old
with outcomes as (
    from attempt_outcomes
    where is_in_7d
),

fills as (
    from attempt_fills
),

episodes as (
    from veto_episodes
),

pairs as (
    from shadow_pairs
    where live is not null
),

shifted as (
    select symbol, kind, ts from fills
    union all
    select symbol, kind, ts from missed_fills
    union all
    select symbol, kind, ts from episodes
),

asked as (
    select symbol, kind, ack_ts as at_ts, 2e0 as within_s
    from outcomes
    where ack_ref_price is null
    union all
    select symbol, kind, end_ts as at_ts, 5e0 as within_s
    from outcomes
    where is_ended and not is_nothing_missed and end_ref_price is null
    union all
    select symbol, kind, ts as at_ts, 2e0 as within_s from fills where ref_price is null
    union all
    select symbol, attempt_kind as kind, ts as at_ts, 2e0 as within_s from fills where attempt_ref_price is null
    union all
    select symbol, kind, ts as at_ts, 2e0 as within_s from episodes where ref_price is null
    union all
    select symbol, kind, ts as at_ts, 2e0 as within_s from pairs where ref_price is null
    union all
    select symbol, kind, ts + interval 300 second as at_ts, 30e0 as within_s from pairs
    union all
    select fee_parts.asset || dollars.asset as symbol, 'mark' as kind, ts as at_ts, 60e0 as within_s
    from fee_parts
    cross join dollar_assets as dollars
    where fee_parts.price is null and fee_parts.amount is not null
    union all
    select
        shifted.symbol,
        shifted.kind,
        shifted.ts + to_microseconds(cast(horizons.horizon_s * 1000000 as bigint)) as at_ts,
        horizons.within_s,
    from shifted
    cross join horizons
)

select distinct
    asked.symbol,
    asked.kind,
    asked.at_ts,
    asked.within_s,
from asked
cross join clock
where asked.kind is not null and asked.at_ts <= clock.as_of
