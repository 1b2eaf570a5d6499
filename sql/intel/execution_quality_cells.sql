-- Cost, markouts and fills of the attempts of the last 7 days by what they have in common (execution quality).
-- Grain: one row per dimension and key that has attempts: all, symbol, hour, size, route, regime, strategy.
-- Executions count in the cells of their attempt. A mean stands with its interval: see estimate. Of few attempts the
-- values are shown, and their state is insufficient.
-- Columns:
--   dimension: all, symbol, hour, size, route, regime or strategy
--   key: symbol, UTC hour, band of size, route, regime or strategy
--   attempts: attempts of the cell [1]
--   filled_count: attempts that were filled [1]
--   partial_count: attempts that ended with a part filled [1]
--   unfilled_count: attempts that ended without a fill [1]
--   rejected_count: attempts that the venue refused [1]
--   unrecorded_count: attempts reported as filled, without a fill on record [1]
--   working_count: attempts that have not ended [1]
--   filled_share: share of the ended attempts that were filled, with its interval [0..1]
--   fill_ratio: share of the ended attempts' decision value that was filled [0..1]
--   executed_usd: value of all fills
--   maker_share: share of that value that was filled as maker, where it is known [0..1]
--   shortfall: total cost of the ended attempts, with its interval [bps]
--   shortfall_usd: total cost of the ended attempts; null: of none it is known
--   parts: the parts of the cost of the attempts that know all of them; they add up [bps]
--   half_spread_bps: paid against the price of the moment, negative is earned
--   markout_1: gain against the fill price after 1 s, with its interval [bps]
--   markout_10: gain against the fill price after 10 s, with its interval [bps]
--   markout_60: gain against the fill price after 60 s, with its interval [bps]
--   markout_300: gain against the fill price after 300 s, with its interval [bps]
--   move_1_bps: what the market did for us within 1 s
--   move_10_bps: what the market did for us within 10 s
--   move_60_bps: what the market did for us within 60 s
--   move_300_bps: what the market did for us within 300 s
--   ack_ms_p50: median time from decision to acknowledgement [ms]
--   ack_ms_p95: 95th percentile of it [ms]
--   first_fill_ms_p50: median time from decision to first fill [ms]
--   first_fill_ms_p95: 95th percentile of it [ms]
--   last_fill_ms_p50: median time from decision to last fill [ms]
--   last_fill_ms_p95: 95th percentile of it [ms]
with members as (
    select
        unnest(
            [
                { 'place': 1, 'dimension': 'all', 'key': 'all' },
                { 'place': 2, 'dimension': 'symbol', 'key': symbol },
                { 'place': 3, 'dimension': 'hour', 'key': hour },
                { 'place': 4, 'dimension': 'size', 'key': size },
                { 'place': 5, 'dimension': 'route', 'key': route },
                { 'place': 6, 'dimension': 'regime', 'key': regime },
                { 'place': 7, 'dimension': 'strategy', 'key': strategy }
            ]
        ) as cell,
        *,
        case when total_usd is not null then decision_usd end as shortfall_w,
        case when is_ended then least(executed_qty, target_qty) * decision_price end as filled_usd,
        case when is_ended then decision_usd end as ended_usd,
        case when is_complete then decision_usd end as complete_usd,
    from attempt_measures
),

blocks as (
    select
        cell,
        block,
        count(total_usd) as shortfall_n,
        exact_sum(total_usd) as shortfall_x,
        exact_sum(shortfall_w) as shortfall_w,
        sum(n_1) as n_1,
        sum(n_10) as n_10,
        sum(n_60) as n_60,
        sum(n_300) as n_300,
        exact_sum(markout_usd_1) as x_1,
        exact_sum(markout_usd_10) as x_10,
        exact_sum(markout_usd_60) as x_60,
        exact_sum(markout_usd_300) as x_300,
        exact_sum(w_1) as w_1,
        exact_sum(w_10) as w_10,
        exact_sum(w_60) as w_60,
        exact_sum(w_300) as w_300,
    from members
    group by cell, block
),

sums as (
    select
        cell,
        sum(shortfall_n) as shortfall_n,
        count(*) filter (where shortfall_n > 0) as shortfall_blocks,
        exact_sum(shortfall_x) as shortfall_x,
        exact_sum(shortfall_w) as shortfall_w,
        sum(n_1) as n_1,
        sum(n_10) as n_10,
        sum(n_60) as n_60,
        sum(n_300) as n_300,
        count(*) filter (where n_1 > 0) as blocks_1,
        count(*) filter (where n_10 > 0) as blocks_10,
        count(*) filter (where n_60 > 0) as blocks_60,
        count(*) filter (where n_300 > 0) as blocks_300,
        exact_sum(x_1) as x_1,
        exact_sum(x_10) as x_10,
        exact_sum(x_60) as x_60,
        exact_sum(x_300) as x_300,
        exact_sum(w_1) as w_1,
        exact_sum(w_10) as w_10,
        exact_sum(w_60) as w_60,
        exact_sum(w_300) as w_300,
    from blocks
    group by cell
),

spreads as (
    select
        sums.cell,
        exact_sum(
            block_squares(
                1e4, blocks.shortfall_x, blocks.shortfall_w, sums.shortfall_blocks, sums.shortfall_x, sums.shortfall_w
            )
        ) as shortfall_squares,
        exact_sum(block_squares(1e4, blocks.x_1, blocks.w_1, sums.blocks_1, sums.x_1, sums.w_1)) as squares_1,
        exact_sum(block_squares(1e4, blocks.x_10, blocks.w_10, sums.blocks_10, sums.x_10, sums.w_10)) as squares_10,
        exact_sum(block_squares(1e4, blocks.x_60, blocks.w_60, sums.blocks_60, sums.x_60, sums.w_60)) as squares_60,
        exact_sum(block_squares(1e4, blocks.x_300, blocks.w_300, sums.blocks_300, sums.x_300, sums.w_300))
            as squares_300,
    from blocks
    inner join sums on blocks.cell = sums.cell
    group by sums.cell
),

estimated as (
    select
        sums.cell,
        sums.shortfall_x,
        estimate(1e4, shortfall_n, shortfall_blocks, shortfall_x, shortfall_w, shortfall_squares) as shortfall,
        estimate(1e4, n_1, blocks_1, x_1, w_1, squares_1) as markout_1,
        estimate(1e4, n_10, blocks_10, x_10, w_10, squares_10) as markout_10,
        estimate(1e4, n_60, blocks_60, x_60, w_60, squares_60) as markout_60,
        estimate(1e4, n_300, blocks_300, x_300, w_300, squares_300) as markout_300,
    from sums
    inner join spreads on sums.cell = spreads.cell
),

looked_at as (
    select
        cell,
        shortfall_x,
        adjusted(shortfall, count(shortfall.p) over within) as shortfall,
        adjusted(markout_1, count(markout_1.p) over within) as markout_1,
        adjusted(markout_10, count(markout_10.p) over within) as markout_10,
        adjusted(markout_60, count(markout_60.p) over within) as markout_60,
        adjusted(markout_300, count(markout_300.p) over within) as markout_300,
    from estimated
    window within as (partition by cell.dimension)
),

counted as (
    select
        cell,
        count(*) as attempts,
        count(*) filter (where status = 'filled') as filled_count,
        count(*) filter (where status = 'partial') as partial_count,
        count(*) filter (where status = 'unfilled') as unfilled_count,
        count(*) filter (where status = 'rejected') as rejected_count,
        count(*) filter (where status = 'unrecorded') as unrecorded_count,
        count(*) filter (where status = 'working') as working_count,
        count(*) filter (where is_ended) as ended_count,
        exact_sum(filled_usd) / nullif(exact_sum(ended_usd), 0) as fill_ratio,
        exact_sum(executed_usd) as executed_usd,
        exact_sum(maker_share * executed_usd)
        / nullif(exact_sum(case when maker_share is not null then executed_usd end), 0) as maker_share,
        count(*) filter (where is_complete) as complete_count,
        nullif(exact_sum(complete_usd), 0) as complete_usd,
        exact_sum(case when is_complete then delay_usd end) as delay_usd,
        exact_sum(case when is_complete then timing_usd end) as timing_usd,
        exact_sum(case when is_complete then spread_usd end) as spread_usd,
        exact_sum(case when is_complete then opportunity_usd end) as opportunity_usd,
        exact_sum(case when is_complete then fees_usd end) as fees_usd,
        exact_sum(case when is_complete then total_usd end) as total_usd,
        exact_sum(paid_usd) as paid_usd,
        exact_sum(spread_notional_usd) as spread_notional_usd,
        sum(missing_1) as missing_1,
        sum(missing_10) as missing_10,
        sum(missing_60) as missing_60,
        sum(missing_300) as missing_300,
        1e4 * exact_sum(move_usd_1) / nullif(exact_sum(move_w_1), 0) as move_1_bps,
        1e4 * exact_sum(move_usd_10) / nullif(exact_sum(move_w_10), 0) as move_10_bps,
        1e4 * exact_sum(move_usd_60) / nullif(exact_sum(move_w_60), 0) as move_60_bps,
        1e4 * exact_sum(move_usd_300) / nullif(exact_sum(move_w_300), 0) as move_300_bps,
        quantile_cont(ack_ms, [0.5, 0.95]) as ack_ms,
        quantile_cont(first_fill_ms, [0.5, 0.95]) as first_fill_ms,
        quantile_cont(last_fill_ms, [0.5, 0.95]) as last_fill_ms,
    from members
    group by cell
)

select
    counted.cell.dimension,
    counted.cell.key,
    counted.attempts,
    counted.filled_count,
    counted.partial_count,
    counted.unfilled_count,
    counted.rejected_count,
    counted.unrecorded_count,
    counted.working_count,
    wilson(counted.filled_count, counted.ended_count) as filled_share,
    counted.fill_ratio,
    counted.executed_usd,
    counted.maker_share,
    looked_at.shortfall,
    looked_at.shortfall_x as shortfall_usd,
    {
        'n': counted.complete_count,
        'delay_bps': 1e4 * counted.delay_usd / counted.complete_usd,
        'timing_bps': 1e4 * counted.timing_usd / counted.complete_usd,
        'spread_bps': 1e4 * counted.spread_usd / counted.complete_usd,
        'opportunity_bps': 1e4 * counted.opportunity_usd / counted.complete_usd,
        'fees_bps': 1e4 * counted.fees_usd / counted.complete_usd,
        'total_bps': 1e4 * counted.total_usd / counted.complete_usd
    } as parts,
    1e4 * counted.paid_usd / nullif(counted.spread_notional_usd, 0) as half_spread_bps,
    struct_insert(looked_at.markout_1, missing := cast(coalesce(counted.missing_1, 0) as bigint)) as markout_1,
    struct_insert(looked_at.markout_10, missing := cast(coalesce(counted.missing_10, 0) as bigint)) as markout_10,
    struct_insert(looked_at.markout_60, missing := cast(coalesce(counted.missing_60, 0) as bigint)) as markout_60,
    struct_insert(looked_at.markout_300, missing := cast(coalesce(counted.missing_300, 0) as bigint)) as markout_300,
    counted.move_1_bps,
    counted.move_10_bps,
    counted.move_60_bps,
    counted.move_300_bps,
    counted.ack_ms[1] as ack_ms_p50,
    counted.ack_ms[2] as ack_ms_p95,
    counted.first_fill_ms[1] as first_fill_ms_p50,
    counted.first_fill_ms[2] as first_fill_ms_p95,
    counted.last_fill_ms[1] as last_fill_ms_p50,
    counted.last_fill_ms[2] as last_fill_ms_p95,
from counted
inner join looked_at on counted.cell = looked_at.cell
order by counted.cell.place, counted.cell.key
