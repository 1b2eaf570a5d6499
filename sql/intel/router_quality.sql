-- Quality of a router, first match (semantics 2). maker, fallback: ratios 0..1; slip: q95 in bps; latency: p50 in ms.
-- Unknown inputs count as 0.
create macro router_quality(maker, fallback, slip_bps, latency_ms) as
case
    when coalesce(fallback, 0) >= 0.9 or coalesce(slip_bps, 0) >= 20 or coalesce(latency_ms, 0) >= 2500 then 'broken'
    when coalesce(fallback, 0) >= 0.6 or coalesce(slip_bps, 0) >= 8 or coalesce(latency_ms, 0) >= 1500 then 'degraded'
    when
        coalesce(maker, 0) >= 0.7 and coalesce(fallback, 0) <= 0.4
        and coalesce(slip_bps, 0) <= 4 and coalesce(latency_ms, 0) <= 800
        then 'good'
    else 'ok'
end;
