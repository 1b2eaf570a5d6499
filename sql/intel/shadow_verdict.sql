-- Whether the candidate pipeline is better than the live one; may be looked at every day. Grain: one row.
-- An interval that holds at every moment together: the asymptotic confidence sequence of Waudby-Smith and others,
-- Time-uniform central limit theory (2021), with its width least at 500 blocks.
-- Columns:
--   since_ts: since when the engine has its version; null: none is recorded, all decisions count
--   horizon_s: time after which a decision is judged
--   decisions: decisions of the candidate that can be judged [1]
--   no_live_side: decisions whose id neither an attempt nor a veto has [1]
--   not_valued: decisions with a live side of which something is not known [1]
--   both: both would trade [1]
--   neither: both refused [1]
--   shadow_only: the candidate alone would trade [1]
--   live_only: the live pipeline alone traded [1]
--   valued: decisions behind the figures [1]
--   blocks: ten minutes with such decisions [1]
--   total_usd: gain of the candidate over the live pipeline
--   mean_usd: gain of a block
--   lo: lower end of its interval; null with fewer than 20 blocks [USD]
--   hi: upper end of it [USD]
--   verdict: shadow_better, live_better, undecided, or insufficient with fewer than 20 blocks
with blocks as (
    select
        block,
        exact_sum(gain_usd) as gain_usd,
    from shadow_outcomes
    where live is not null and gain_usd is not null
    group by block
),

summed as (
    select
        count(*) as blocks,
        exact_sum(gain_usd) as total_usd,
        stddev_samp(gain_usd order by block) as sigma_usd,
    from blocks
),

tuned as (
    select (-2 * ln(0.05e0) + ln(-2 * ln(0.05e0)) + 1) / 500 as rho2
),

judged as (
    select
        *,
        total_usd / nullif(blocks, 0) as mean_usd,
        case
            when blocks >= 20
                then sigma_usd
                    * sqrt(2 * (blocks * rho2 + 1) / (blocks * blocks * rho2) * ln(sqrt(blocks * rho2 + 1) / 0.05e0))
        end as half_width_usd,
    from summed
    cross join tuned
),

counted as (
    select
        count(*) as decisions,
        count(*) filter (where live is null) as no_live_side,
        count(*) filter (where live is not null and gain_usd is null) as not_valued,
        count(*) filter (where live = 'allowed' and shadow_allowed) as "both",
        count(*) filter (where live = 'vetoed' and not shadow_allowed) as neither,
        count(*) filter (where live = 'vetoed' and shadow_allowed) as shadow_only,
        count(*) filter (where live = 'allowed' and not shadow_allowed) as live_only,
        count(*) filter (where live is not null and gain_usd is not null) as valued,
    from shadow_outcomes
)

select
    engine_since.since_ts,
    engine_since.engine_version,
    300e0 as horizon_s,
    counted.*,
    judged.blocks,
    judged.total_usd,
    judged.mean_usd,
    judged.mean_usd - judged.half_width_usd as lo,
    judged.mean_usd + judged.half_width_usd as hi,
    case
        when judged.blocks < 20 then 'insufficient'
        when judged.mean_usd - judged.half_width_usd > 0 then 'shadow_better'
        when judged.mean_usd + judged.half_width_usd < 0 then 'live_better'
        else 'undecided'
    end as verdict,
from engine_since
cross join counted
cross join judged
