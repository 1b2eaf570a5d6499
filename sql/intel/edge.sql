-- What a closed trade of the last 30 days brought, before and after all fees and funding, with intervals.
-- Grain: one row per all, symbol and strategy that has a close.
-- Fees of both legs and funding count in net_expectancy_usd, at the last fill of their order, so no lots are matched.
-- Columns:
--   dimension: all, symbol or strategy
--   key: symbol or strategy
--   expectancy_usd: mean realised PnL of a close, with its interval
--   net_expectancy_usd: the same after all fees, and after funding but for strategies
--   hit_rate: share of closes with a gain, with its interval [0..1]
--   net_usd: realised PnL less fees, and with funding but for strategies
--   unpriced_fees: orders whose fees are not known; left out [1]
with entries as (
    select symbol, coalesce(strategy, 'unknown') as strategy, ts, realized_pnl_usd as x, 1 as w, true as is_close
    from closes_37d
    where is_in_30d and realized_pnl_usd is not null
    union all
    select
        fees.symbol,
        coalesce(fees.strategy, 'unknown') as strategy,
        fees.ts,
        -fees.fee_usd as x,
        0 as w,
        false as is_close,
    from order_fees as fees
    where fees.is_in_30d
    union all
    select symbol, null as strategy, ts, amount_usd as x, 0 as w, false as is_close from funding_37d where is_in_30d
),

members as (
    select
        unnest(
            [
                { 'place': 1, 'dimension': 'all', 'key': 'all' },
                { 'place': 2, 'dimension': 'symbol', 'key': symbol },
                { 'place': 3, 'dimension': 'strategy', 'key': strategy }
            ]
        ) as cell,
        epoch_us(ts) // 600000000 as block,
        *,
    from entries
),

blocks as (
    select
        cell,
        block,
        count(x) as rows,
        count(*) filter (where x is null) as unpriced,
        coalesce(sum(w), 0) as w,
        count(*) filter (where is_close and x > 0) as wins,
        coalesce(exact_sum(case when is_close then x end), 0) as x,
        exact_sum(x) as net_x,
    from members
    group by cell, block
),

sums as (
    select
        cell,
        sum(w) as w,
        sum(wins) as wins,
        sum(unpriced) as unpriced,
        count(*) filter (where w > 0) as block_count,
        count(*) filter (where rows > 0) as net_block_count,
        exact_sum(x) as x,
        exact_sum(net_x) as net_x,
    from blocks
    where cell.key is not null
    group by cell
    having sum(w) > 0
),

spreads as (
    select
        sums.cell,
        exact_sum(
            case when blocks.w > 0 then block_squares(1e0, blocks.x, blocks.w, sums.block_count, sums.x, sums.w) end
        ) as squares,
        exact_sum(
            case
                when blocks.rows > 0
                    then block_squares(1e0, blocks.net_x, blocks.w, sums.net_block_count, sums.net_x, sums.w)
            end
        ) as net_squares,
    from blocks
    inner join sums on blocks.cell = sums.cell
    group by sums.cell
),

estimated as (
    select
        sums.*,
        estimate(1e0, sums.w, sums.block_count, sums.x, sums.w, spreads.squares) as gross,
        estimate(1e0, sums.w, sums.net_block_count, sums.net_x, sums.w, spreads.net_squares) as net,
    from sums
    inner join spreads on sums.cell = spreads.cell
)

select
    estimated.cell.dimension,
    estimated.cell.key,
    adjusted(gross, count(gross.p) over (partition by estimated.cell.dimension)) as expectancy_usd,
    adjusted(net, count(net.p) over (partition by estimated.cell.dimension)) as net_expectancy_usd,
    wilson(wins, w) as hit_rate,
    net_x as net_usd,
    unpriced as unpriced_fees,
from estimated
order by estimated.cell.place, estimated.cell.key
