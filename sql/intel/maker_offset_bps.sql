-- Offset of a maker order from the touch, in bps (semantics 4). maker, fallback: ratios; slip: q50 in bps, unknown
-- counts as 0; edge: sum pnl / sum notional of this hour of the day, unknown moves nothing.
create macro maker_offset_bps(atr_regime, maker, fallback, slip_bps, hour_edge) as
clamp(
    2e0
    + case atr_regime when 'quiet' then -0.5 when 'hot' then 0.5 when 'panic' then 1.0 else 0 end
    + case when maker > 0.7 then -0.5 else 0 end
    + case when fallback > 0.5 then 1.0 else 0 end
    + case when fallback > 0.8 then 1.5 else 0 end
    + case when coalesce(slip_bps, 0) > 5 then 0.8 when coalesce(slip_bps, 0) < 1 then -0.2 else 0 end
    + case when hour_edge > 0 then -0.2 when hour_edge < 0 then 0.2 else 0 end,
    0.5,
    8
);
