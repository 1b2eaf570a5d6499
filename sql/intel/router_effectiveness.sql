-- Effectiveness of the router on each symbol in 7 days (semantics 2). Grain: one row per symbol with a router metric.
-- Ratios 0..1, null if no row knows the value; slippage in bps, positive is cost; latency in ms.
-- Columns:
--   metric_count: router metrics [1]
--   maker_fill_ratio: share of metrics filled as maker, of those where that is known [0..1]
--   fallback_ratio: share of maker starts that fell back to taker [0..1]
--   slip_q25: lower quartile of slippage, positive is cost [bps]
--   slip_q50: median slippage, positive is cost [bps]
--   slip_q75: upper quartile of slippage, positive is cost [bps]
--   slip_q95: 95th percentile of slippage, positive is cost [bps]
--   ack_latency_p50_ms: median acknowledgement latency
--   quality: broken, degraded, good or ok
--   regime: broken, fallback_heavy, slippage_hot, maker_strong or balanced; unknown without a metric
with measured as (
    select
        symbol,
        count(*) as metric_count,
        count(*) filter (where is_maker_final) / nullif(count(is_maker_final), 0) as maker_fill_ratio,
        count(*) filter (where maker_start and used_fallback) / nullif(count(*) filter (where maker_start), 0)
            as fallback_ratio,
        quantile_cont(slippage_bps, [0.25, 0.5, 0.75, 0.95]) as slips,
        median(ack_latency_ms) as ack_latency_p50_ms,
    from router_metrics_7d
    group by symbol
)

select
    symbol,
    metric_count,
    maker_fill_ratio,
    fallback_ratio,
    slips[1] as slip_q25,
    slips[2] as slip_q50,
    slips[3] as slip_q75,
    slips[4] as slip_q95,
    ack_latency_p50_ms,
    router_quality(maker_fill_ratio, fallback_ratio, slips[4], ack_latency_p50_ms) as quality,
    router_regime(maker_fill_ratio, fallback_ratio, slips[4], ack_latency_p50_ms) as regime,
from measured
order by symbol
