-- Regime of a router, first match (semantics 2). maker, fallback: ratios 0..1; slip: q95 in bps; latency: p50 in ms.
-- An unknown maker ratio is not <= 0.2; unknown slip or latency is not >= anything and does not fail maker_strong;
-- an unknown fallback counts as 0.
create macro router_regime(maker, fallback, slip_bps, latency_ms) as
case
    when coalesce(fallback, 0) >= 0.85 or maker <= 0.2 or slip_bps >= 25 or latency_ms >= 3000 then 'broken'
    when coalesce(fallback, 0) >= 0.55 then 'fallback_heavy'
    when slip_bps >= 12 then 'slippage_hot'
    when maker >= 0.7 and coalesce(fallback, 0) <= 0.3 and coalesce(slip_bps, 0) <= 5 then 'maker_strong'
    else 'balanced'
end;
