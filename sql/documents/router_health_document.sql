-- router_health.json (semantics 5). One row; its columns are the top-level keys.
-- Columns:
--   updated_ts: the file's instant, epoch [s]
--   symbols: rates, slippage, latency and policy per symbol
with symbols as (
    select list(
        {
            'symbol': symbol, 'maker_fill_rate': maker_fill_ratio, 'fallback_rate': fallback_ratio,
            'slippage_p50': slip_q50, 'slippage_p95': slip_q95, 'ack_latency_p50_ms': ack_latency_p50_ms,
            'maker_offset_bps': maker_offset_bps,
            'policy': {
                'maker_first': maker_first, 'taker_bias': taker_bias, 'quality': quality, 'reason': reason,
                'branch': branch
            },
            'updated_ts': clock.as_of_s
        } order by symbol
    ) as symbols
    from router_health
    cross join clock
    where is_router_listed
)

select
    staleness.stale_s,
    staleness.stale_inputs,
    clock.as_of_s as updated_ts,
    coalesce(symbols.symbols, []) as symbols,
from clock
cross join symbols
cross join staleness(['marks', 'executor']) as staleness
