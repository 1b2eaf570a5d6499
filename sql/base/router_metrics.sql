-- Order metrics that measure the router, with the slippage of their prices (semantics 2). Grain: one row per metric.
-- Columns:
--   slippage_bps: slippage by the prices, else as logged; positive is cost
--   ack_latency_ms: acknowledgement latency as logged, else submit to acknowledgement
select
    * exclude (slippage_bps, ack_latency_ms),
    slippage_bps(side, mark_price, avg_fill_price, slippage_bps) as slippage_bps,
    coalesce(ack_latency_ms, ack_ms) as ack_latency_ms,
from seen_order_metrics
where kind is distinct from 'position_close'
