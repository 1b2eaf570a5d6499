-- expectancy_v6.json (semantics 1). One row; its columns are the top-level keys. Empty groups with INTEL off.
-- Columns:
--   symbols: symbol to its statistics
--   hours: UTC hour of the close to its statistics
--   regimes: regime tag to its statistics
--   sample_count: closed trades in the window [1]
--   lookback_hours: length of the window [h]
--   updated_ts: the file's instant, epoch [s]
--   metadata: the account at the time: equity in USD, and the time of its tick
with groups as (
    select
        map_from_entries(coalesce(list((key, stats) order by key) filter (where dimension = 'symbol'), [])) as symbols,
        map_from_entries(coalesce(list((key, stats) order by key) filter (where dimension = 'hour'), [])) as hours,
        map_from_entries(coalesce(list((key, stats) order by key) filter (where dimension = 'regime'), [])) as regimes,
        coalesce(sum(stats.count) filter (where dimension = 'symbol'), 0) as sample_count,
    from expectancy_groups
    where (select is_intel_on from flags)
)

select
    staleness.stale_s,
    staleness.stale_inputs,
    groups.symbols,
    groups.hours,
    groups.regimes,
    cast(groups.sample_count as bigint) as sample_count,
    cast(48 as double) as lookback_hours,
    clock.as_of_s as updated_ts,
    { 'nav_snapshot': { 'equity': nav_now.equity_usd, 't': rfc3339(nav_now.ts) } } as metadata,
from groups
cross join clock
cross join nav_now
cross join staleness(['executor']) as staleness
