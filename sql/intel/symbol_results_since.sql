-- Trades, gains and costs after an instant. Grain: one row per symbol with an event, and `all`. USD, bps.
-- `apart`: processes whose events are left out, `host:pid`. Sums and means of nothing are null.
-- The 95 % interval of the mean has half width t of Student times std / sqrt(trades), where std is that of realised PnL
-- less the closing order's fee; it needs least_trades().
-- Columns:
--   symbol: instrument, or all
--   attempts: order attempts, one attempt_id once [1]
--   errors: order errors [1]
--   orders: orders whose latest fill lies after the instant [1]
--   executed_usd: filled quantity * average price of these orders
--   fees_usd: priced fees of these orders, of both legs; negative is a rebate
--   unpriced_fees: orders with a fee without a known price; fees_usd leaves them out [1]
--   trades: closed trades [1]
--   wins: trades with a gain before fees [1]
--   pnl_usd: realised PnL of the trades, before fees
--   funding_payments: funding payments on record [1]
--   funding_usd: funding, negative is paid
--   net_usd: realised PnL less fees plus funding; null: a fee is not priced, or none of the three is on record
--   net_per_trade_usd: net_usd / trades
--   net_low_usd: lower end of the interval of net_per_trade_usd; null: too few trades
--   net_high_usd: upper end of the interval of net_per_trade_usd; null: too few trades
--   trades_needed: trades that an interval needs [1]
--   metrics: router metrics [1]
--   slippage_known: router metrics with known slippage and notional [1]
--   slippage_bps: slippage by notional, positive is cost
--   slippage_p95_bps: 95th percentile of the known slippage
--   slippage_usd: slippage of these metrics in USD, positive is cost
--   maker_known: router metrics that know whether the order was filled as maker [1]
--   maker_ratio: share of orders filled as maker, of those where that is known [0..1]
create macro symbol_results_since(since, apart) as table
with attempted as (
    select
        case grouping(symbol) when 1 then 'all' else symbol end as symbol,
        count(distinct coalesce(attempt_id, event_id)) as attempts,
    from seen_order_attempts
    where ts > since and not is_apart(apart, hostname, pid)
    group by grouping sets ((symbol), ())
),

failed as (
    select
        case grouping(symbol) when 1 then 'all' else symbol end as symbol,
        count(*) as errors,
    from seen_order_errors
    where ts > since and not is_apart(apart, hostname, pid)
    group by grouping sets ((symbol), ())
),

filled as (
    select
        case grouping(symbol) when 1 then 'all' else symbol end as symbol,
        count(*) as orders,
        sum(notional_usd order by ts, ingest_seq) as executed_usd,
        sum(fee_usd order by ts, ingest_seq) as fees_usd,
        count(*) filter (where fee_usd is null) as unpriced_fees,
    from filled_orders_since(since)
    where not list_contains(apart, process)
    group by grouping sets ((symbol), ())
),

closed as (
    select
        case grouping(symbol) when 1 then 'all' else symbol end as symbol,
        count(*) as trades,
        count(*) filter (where realized_pnl_usd > 0) as wins,
        sum(realized_pnl_usd order by ts, ingest_seq) as pnl_usd,
        stddev_samp(realized_pnl_usd - fees_usd order by ts, ingest_seq) as std_usd,
    from seen_order_closes
    where ts > since and not is_apart(apart, hostname, pid)
    group by grouping sets ((symbol), ())
),

funded as (
    select
        case grouping(symbol) when 1 then 'all' else symbol end as symbol,
        count(*) as funding_payments,
        sum(amount_usd order by ts, ingest_seq) as funding_usd,
    from seen_funding_payments
    where ts > since and not is_apart(apart, hostname, pid)
    group by grouping sets ((symbol), ())
),

measured as (
    select
        case grouping(symbol) when 1 then 'all' else symbol end as symbol,
        count(*) as metrics,
        count(slippage_bps * notional_usd) as slippage_known,
        1e4 * sum(slippage_bps * notional_usd / 1e4 order by ts, ingest_seq)
        / nullif(sum(notional_usd order by ts, ingest_seq) filter (where slippage_bps is not null), 0) as slippage_bps,
        quantile_cont(slippage_bps, 0.95) as slippage_p95_bps,
        sum(slippage_bps * notional_usd / 1e4 order by ts, ingest_seq) as slippage_usd,
        count(is_maker_final) as maker_known,
        count(*) filter (where is_maker_final) / nullif(count(is_maker_final), 0) as maker_ratio,
    from router_metrics
    where ts > since and symbol is not null and not is_apart(apart, hostname, pid)
    group by grouping sets ((symbol), ())
),

symbols as (
    select symbol from attempted
    union
    select symbol from failed
    union
    select symbol from filled
    union
    select symbol from closed
    union
    select symbol from funded
    union
    select symbol from measured
),

joined as (
    select
        symbols.symbol,
        coalesce(attempted.attempts, 0) as attempts,
        coalesce(failed.errors, 0) as errors,
        coalesce(filled.orders, 0) as orders,
        filled.executed_usd,
        filled.fees_usd,
        coalesce(filled.unpriced_fees, 0) as unpriced_fees,
        coalesce(closed.trades, 0) as trades,
        coalesce(closed.wins, 0) as wins,
        closed.pnl_usd,
        closed.std_usd,
        coalesce(funded.funding_payments, 0) as funding_payments,
        funded.funding_usd,
        case
            when filled.unpriced_fees > 0 then null
            when coalesce(closed.pnl_usd, filled.fees_usd, funded.funding_usd) is not null
                then coalesce(closed.pnl_usd, 0) - coalesce(filled.fees_usd, 0) + coalesce(funded.funding_usd, 0)
        end as net_usd,
        coalesce(measured.metrics, 0) as metrics,
        coalesce(measured.slippage_known, 0) as slippage_known,
        measured.slippage_bps,
        measured.slippage_p95_bps,
        measured.slippage_usd,
        coalesce(measured.maker_known, 0) as maker_known,
        measured.maker_ratio,
    from symbols
    left join attempted on symbols.symbol = attempted.symbol
    left join failed on symbols.symbol = failed.symbol
    left join filled on symbols.symbol = filled.symbol
    left join closed on symbols.symbol = closed.symbol
    left join funded on symbols.symbol = funded.symbol
    left join measured on symbols.symbol = measured.symbol
),

estimated as (
    select
        *,
        net_usd / nullif(trades, 0) as net_per_trade_usd,
        case when trades >= least_trades() then student_t(trades - 1) * std_usd / sqrt(trades) end as half_usd,
    from joined
)

select
    symbol,
    attempts,
    errors,
    orders,
    executed_usd,
    fees_usd,
    unpriced_fees,
    trades,
    wins,
    pnl_usd,
    funding_payments,
    funding_usd,
    net_usd,
    net_per_trade_usd,
    net_per_trade_usd - half_usd as net_low_usd,
    net_per_trade_usd + half_usd as net_high_usd,
    least_trades() as trades_needed,
    metrics,
    slippage_known,
    slippage_bps,
    slippage_p95_bps,
    slippage_usd,
    maker_known,
    maker_ratio,
from estimated
order by symbol = 'all', symbol;
