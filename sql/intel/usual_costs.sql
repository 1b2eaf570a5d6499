-- What an execution in each symbol usually costs, fees included, over the last 7 days (execution quality).
-- Grain: one row per symbol of an attempt, and one with a null symbol for all others.
-- Of 20 attempts or more with a fill and known costs; of a symbol with fewer that of all symbols, if they have 20.
-- Columns:
--   symbol: instrument; null: any other
--   usual_cost_bps: execution and fees over what was filled; null: not known
with known as (
    select
        symbol,
        case when executed_qty > 0 and execution_usd is not null and fees_usd is not null then executed_usd end
            as cash_usd,
        case when executed_qty > 0 then execution_usd + fees_usd end as cost_usd,
    from order_quality
),

summed as (
    select
        symbol,
        grouping(symbol) as is_all,
        case when count(cash_usd) >= 20 then 1e4 * exact_sum(cost_usd) / nullif(exact_sum(cash_usd), 0) end as cost_bps,
    from known
    group by grouping sets ((symbol), ())
)

select
    own.symbol,
    coalesce(own.cost_bps, every.cost_bps) as usual_cost_bps,
from summed as own
cross join summed as every
where every.is_all = 1
order by own.symbol
