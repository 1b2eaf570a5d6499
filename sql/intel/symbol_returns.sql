-- Sharpe ratio and edge of this hour of the day from the closes of 7 days (semantics 3, 4). Grain: one row per symbol.
-- Closes without a notional are left out. sharpe_7d: mean / std (ddof 1), 0 if std <= 1e-12, null with fewer than two.
-- Columns:
--   sharpe_7d: mean / standard deviation of the returns of 7 days [1]
--   hour_edge: PnL / notional of the closes in this UTC hour of day [1]
with measured as (
    select
        symbol,
        count(return_frac) as return_count,
        avg(return_frac order by ts, ingest_seq) as mean_return,
        stddev_samp(return_frac order by ts, ingest_seq) as std_return,
        sum(realized_pnl_usd order by ts, ingest_seq) filter (where is_hour_of_day)
        / nullif(sum(notional_usd order by ts, ingest_seq) filter (where is_hour_of_day), 0) as hour_edge,
    from trades_7d
    where notional_usd is not null
    group by symbol
)

select
    symbol,
    case
        when return_count < 2 then null
        when std_return <= 1e-12 then 0
        else mean_return / std_return
    end as sharpe_7d,
    hour_edge,
from measured
order by symbol
