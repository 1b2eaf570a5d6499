-- What the candidate pipeline would have gained over the live one, decision by decision (execution quality).
-- Grain: one row per decision with a live side or without. USD, positive: the candidate is better.
-- The move of the market within 300 s, less the usual cost of going in and out as it was known at the end of the block.
-- Columns:
--   start_price: price of the kind at the decision [quote/base]
--   end_price: price of the kind 300 s later [quote/base]
--   gain_usd: gain of the candidate's size over the live one; null: not known
--   shadow_allowed: the candidate pipeline would trade
select
    pairs.attempt_id,
    pairs.ts,
    pairs.ingest_seq,
    pairs.event_id,
    pairs.symbol,
    pairs.block,
    pairs.is_allowed as shadow_allowed,
    pairs.live,
    pairs.shadow_usd,
    pairs.live_usd,
    pairs.kind,
    coalesce(pairs.ref_price, starts.price) as start_price,
    ends.price as end_price,
    costs.usual_cost_bps,
    (pairs.shadow_usd - pairs.live_usd)
    * (
        pairs.sign * (ends.price - coalesce(pairs.ref_price, starts.price)) / coalesce(pairs.ref_price, starts.price)
        - 2 * costs.usual_cost_bps / 1e4
    ) as gain_usd,
from shadow_pairs as pairs
left join looked_up_prices as starts
    on
        pairs.ref_price is null
        and pairs.symbol = starts.symbol
        and pairs.kind = starts.kind
        and pairs.ts = starts.at_ts
        and starts.within_s = 2
left join looked_up_prices as ends
    on
        pairs.symbol = ends.symbol
        and pairs.kind = ends.kind
        and pairs.ts + interval 300 second = ends.at_ts
        and ends.within_s = 30
left join frozen_costs as costs on pairs.block = costs.block and pairs.symbol = costs.symbol
order by pairs.ts, pairs.ingest_seq
