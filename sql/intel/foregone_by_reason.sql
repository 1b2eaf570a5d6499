-- What missed fills and vetoes of the last 7 days cost or saved, by reason (execution quality).
-- Grain: one row per source and reason that has rows, and one for all of a source; missed before veto.
-- Columns:
--   reason: all, a status of attempts or a reason of vetoes
--   count: missed fills or vetoes [1]
--   episodes: chances: of vetoes the first usable one in five minutes [1]
--   usd_1: what they cost within 1 s, negative is saved; null: of none it is known [USD]
--   usd_10: what they cost within 10 s, negative is saved; null: of none it is known [USD]
--   usd_60: what they cost within 60 s, negative is saved; null: of none it is known [USD]
--   usd_300: what they cost within 300 s, negative is saved; null: of none it is known [USD]
--   bps_1: the same over the notional, with its interval [bps]
--   bps_10: the same over the notional, with its interval [bps]
--   bps_60: the same over the notional, with its interval [bps]
--   bps_300: the same over the notional, with its interval [bps]
with every as (
    select ts, 'missed' as source, unnest(['all', reason]) as reason, unnest([true, false]) as is_all from missed_fills
    union all
    select ts, 'veto' as source, unnest(['all', reason]) as reason, unnest([true, false]) as is_all from vetoes_7d
),

counted as (
    select source, reason, is_all, count(*) as count from every group by source, reason, is_all
),

members as (
    select
        unnest(['all', reason]) as reason,
        unnest([true, false]) as is_all,
        * exclude (reason),
        epoch_us(ts) // 600000000 as block,
    from foregone_outcomes
),

episodes as (
    select source, reason, is_all, count(*) as episodes from members group by source, reason, is_all
),

by_horizon as (
    select
        *,
        unnest([1, 10, 60, 300]) as horizon_s,
        unnest([foregone_usd_1, foregone_usd_10, foregone_usd_60, foregone_usd_300]) as x,
    from members
),

blocks as (
    select
        source,
        reason,
        is_all,
        horizon_s,
        block,
        count(*) as n,
        exact_sum(x) as x,
        exact_sum(notional_usd) as w,
    from by_horizon
    where x is not null
    group by source, reason, is_all, horizon_s, block
),

lengths as (
    select unnest([1, 10, 60, 300]) as horizon_s
),

sums as (
    select
        source,
        reason,
        is_all,
        horizon_s,
        sum(n) as n,
        count(*) as block_count,
        exact_sum(x) as x,
        exact_sum(w) as w,
    from blocks
    group by source, reason, is_all, horizon_s
),

spreads as (
    select
        sums.source,
        sums.reason,
        sums.is_all,
        sums.horizon_s,
        exact_sum(block_squares(1e4, blocks.x, blocks.w, sums.block_count, sums.x, sums.w)) as squares,
    from blocks
    inner join sums
        on
            blocks.source = sums.source
            and blocks.reason = sums.reason
            and blocks.is_all = sums.is_all
            and blocks.horizon_s = sums.horizon_s
    group by sums.source, sums.reason, sums.is_all, sums.horizon_s
),

cells as (
    select
        counted.source,
        counted.reason,
        counted.is_all,
        counted.count,
        coalesce(episodes.episodes, 0) as episodes,
        lengths.horizon_s,
        sums.x,
        estimate(1e4, sums.n, sums.block_count, sums.x, sums.w, spreads.squares) as found,
    from counted
    cross join lengths
    left join episodes using (source, reason, is_all)
    left join sums using (source, reason, is_all, horizon_s)
    left join spreads using (source, reason, is_all, horizon_s)
),

looked_at as (
    select
        * exclude (found),
        adjusted(found, count(found.p) over (partition by source, is_all, horizon_s)) as found,
    from cells
)

select
    source,
    reason,
    count,
    episodes,
    max(x) filter (where horizon_s = 1) as usd_1,
    max(x) filter (where horizon_s = 10) as usd_10,
    max(x) filter (where horizon_s = 60) as usd_60,
    max(x) filter (where horizon_s = 300) as usd_300,
    any_value(found) filter (where horizon_s = 1) as bps_1,
    any_value(found) filter (where horizon_s = 10) as bps_10,
    any_value(found) filter (where horizon_s = 60) as bps_60,
    any_value(found) filter (where horizon_s = 300) as bps_300,
from looked_at
group by source, is_all, reason, count, episodes
order by source, is_all desc, reason
