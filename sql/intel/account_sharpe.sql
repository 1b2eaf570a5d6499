-- Sharpe ratio of the account's hourly unit returns of 30 days, and how sure it is. Grain: one row.
-- Returns between neighbouring hours only. Bailey and Lopez de Prado, The Sharpe Ratio Efficient Frontier (2012).
-- Columns:
--   state: none without a return, insufficient below 168 hours, else ok
--   hours: returns [1]
--   mean: mean return of an hour [1]
--   std: standard deviation of it; null with one return [1]
--   sharpe_hourly: mean / std, not annualised [1]
--   psr: probability that the true ratio is above 0 [0..1]
--   min_hours: hours after which a ratio like this tells from 0 at 95 %; null where it is not above 0 [h]
with hours as (
    select
        date_trunc('hour', ts) as hour,
        arg_max(unit, (ts, ingest_seq)) as unit,
    from account_units
    where days = 30
    group by date_trunc('hour', account_units.ts)
),

returns as (
    select
        hour,
        unit / nullif(lag(unit) over in_order, 0) - 1 as return_frac,
    from hours
    window in_order as (order by hour)
    qualify lag(hour) over in_order = hour - interval 1 hour
),

moments as (
    select
        count(return_frac) as hours,
        avg(return_frac order by hour) as mean,
        stddev_samp(return_frac order by hour) as std,
    from returns
),

shapes as (
    select
        moments.hours,
        moments.mean,
        moments.std,
        case when moments.std > 1e-12 then moments.mean / moments.std end as sharpe,
        avg(pow((returns.return_frac - moments.mean) / nullif(moments.std, 0), 3) order by hour) as third,
        avg(pow((returns.return_frac - moments.mean) / nullif(moments.std, 0), 4) order by hour) as fourth,
    from moments
    left join returns on true
    group by moments.hours, moments.mean, moments.std
),

-- population moments: the standard deviation of all n, not of n - 1
judged as (
    select
        hours,
        mean,
        std,
        sharpe,
        case
            when hours >= 168
                then
                    1
                    - third * pow(hours / (hours - 1e0), 1.5) * sharpe
                    + (fourth * pow(hours / (hours - 1e0), 2) - 1) / 4 * sharpe * sharpe
        end as variance,
    from shapes
)

select
    case when hours = 0 then 'none' when hours < 168 then 'insufficient' else 'ok' end as state,
    hours,
    mean,
    std,
    sharpe as sharpe_hourly,
    case when variance > 0 then normal_cdf(sharpe * sqrt(hours - 1) / sqrt(variance)) end as psr,
    case
        when variance > 0 and sharpe > 0
            then 1 + variance * pow(cast(1.6448536269514722 as double) / sharpe, 2)
    end as min_hours,
from judged
