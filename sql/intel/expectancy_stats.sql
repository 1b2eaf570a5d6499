-- Expectancy of the trades of 48 h, by symbol, hour and regime (semantics 1).
-- Grain: one row per (dimension, key). Reads trades_48h. std has ddof 1; ci95 = 1.96 std / sqrt(count).
-- A trade counts once under each of its regime tags. Sums run in the order (ts_close, arrival).
-- Columns:
--   dimension: symbol, hour or regime
--   key: symbol, hour or tag
--   count: trades [1]
--   hit_rate: share of trades with a gain [0..1]
--   avg_return: mean realised PnL [USD]
--   avg_win: mean gain, 0 without one [USD]
--   avg_loss: mean loss, <= 0, 0 without one [USD]
--   expectancy: hit_rate * avg_win + share of losses * avg_loss [USD]
--   expectancy_per_risk: expectancy / |avg_loss|, / 1 without a loss [1]
--   max_drawdown: largest fall of the running PnL from its peak [USD]
--   drawdown_adjusted: expectancy less max_drawdown / count [USD]
--   net_expectancy: mean PnL after fees, of the trades whose fees are priced; null: no such trade [USD]
--   std: standard deviation of the PnL; null with one trade [USD]
--   ci95: half width of the 95 % interval of the mean; null with one trade [USD]
--   pnl_usd: realised PnL of all trades
--   fees_usd: priced fees of all trades
--   unpriced_fees: trades whose fees are not all priced; net_expectancy leaves them out [1]
with members as (
    select
        'symbol' as dimension,
        symbol as key,
        *,
    from trades_48h
    union all
    select
        'hour' as dimension,
        cast(hour(ts at time zone 'UTC') as varchar) as key,
        *,
    from trades_48h
    union all
    select
        'regime' as dimension,
        unnest(regime_tags) as key,
        *,
    from trades_48h
),

cumulated as (
    select
        *,
        sum(realized_pnl_usd) over (
            partition by dimension, key order by ts, ingest_seq rows between unbounded preceding and current row
        ) as cum,
    from members
),

drawn_down as (
    select
        *,
        greatest(
            0,
            max(cum) over (
                partition by dimension, key order by ts, ingest_seq rows between unbounded preceding and current row
            )
        ) - cum as drawdown,
    from cumulated
),

grouped as (
    select
        dimension,
        key,
        count(*) as count,
        count(*) filter (where realized_pnl_usd > 0) / count(*) as hit_rate,
        count(*) filter (where realized_pnl_usd < 0) / count(*) as loss_rate,
        avg(realized_pnl_usd order by ts, ingest_seq) as avg_return,
        coalesce(avg(realized_pnl_usd order by ts, ingest_seq) filter (where realized_pnl_usd > 0), 0) as avg_win,
        coalesce(avg(realized_pnl_usd order by ts, ingest_seq) filter (where realized_pnl_usd < 0), 0) as avg_loss,
        max(drawdown) as max_drawdown,
        avg(net_pnl_usd order by ts, ingest_seq) as net_expectancy,
        stddev_samp(realized_pnl_usd order by ts, ingest_seq) as std,
        sum(realized_pnl_usd order by ts, ingest_seq) as pnl_usd,
        sum(fees_usd order by ts, ingest_seq) as fees_usd,
        count(*) filter (where is_fee_unpriced) as unpriced_fees,
    from drawn_down
    group by all
)

select
    dimension,
    key,
    count,
    hit_rate,
    avg_return,
    avg_win,
    avg_loss,
    hit_rate * avg_win + loss_rate * avg_loss as expectancy,
    (hit_rate * avg_win + loss_rate * avg_loss) / case when avg_loss = 0 then 1 else abs(avg_loss) end
        as expectancy_per_risk,
    max_drawdown,
    hit_rate * avg_win + loss_rate * avg_loss - max_drawdown / count as drawdown_adjusted,
    net_expectancy,
    std,
    1.96 * std / sqrt(count) as ci95,
    pnl_usd,
    fees_usd,
    unpriced_fees,
from grouped
order by dimension, key
