-- What vetoes and missed fills of the last 7 days cost or saved (execution quality).
-- Grain: one row per chance: an attempt that missed a part, or the first usable veto in five minutes; missed first.
-- foregone = gross - cost; positive: it cost us that much, negative: it saved us that much. USD.
-- Columns:
--   source: missed or veto
--   reason: status of the attempt, or the canonical reason of the veto
--   side: BUY or SELL
--   qty: quantity not traded [base units]
--   start_price: price of the kind at the chance [quote/base]
--   notional_usd: quantity times start_price
--   cost_usd: usual cost of going in and out
--   gross_usd_1: what the chance would have gained after 1 s [USD]
--   gross_usd_10: what the chance would have gained after 10 s [USD]
--   gross_usd_60: what the chance would have gained after 60 s [USD]
--   gross_usd_300: what the chance would have gained after 300 s [USD]
--   foregone_usd_1: that, less the cost [USD]
--   foregone_usd_10: that, less the cost [USD]
--   foregone_usd_60: that, less the cost [USD]
--   foregone_usd_300: that, less the cost [USD]
with chances as (
    select
        'missed' as source,
        reason,
        ts,
        ingest_seq,
        event_id,
        symbol,
        sign,
        qty,
        kind,
        start_price,
    from missed_fills
    union all
    select
        'veto' as source,
        vetoes.reason,
        vetoes.ts,
        vetoes.ingest_seq,
        vetoes.event_id,
        vetoes.symbol,
        vetoes.sign,
        vetoes.qty,
        vetoes.kind,
        coalesce(vetoes.ref_price, prices.price) as start_price,
    from veto_episodes as vetoes
    left join looked_up_prices as prices
        on
            vetoes.ref_price is null
            and vetoes.symbol = prices.symbol
            and vetoes.kind = prices.kind
            and vetoes.ts = prices.at_ts
            and prices.within_s = 2
),

after as (
    select
        chances.source,
        chances.event_id,
        max(prices.price) filter (where horizons.horizon_s = 1) as price_1,
        max(prices.price) filter (where horizons.horizon_s = 10) as price_10,
        max(prices.price) filter (where horizons.horizon_s = 60) as price_60,
        max(prices.price) filter (where horizons.horizon_s = 300) as price_300,
    from chances
    cross join horizons
    inner join looked_up_prices as prices
        on
            chances.symbol = prices.symbol
            and chances.kind = prices.kind
            and chances.ts + to_microseconds(cast(horizons.horizon_s * 1000000 as bigint)) = prices.at_ts
            and horizons.within_s = prices.within_s
    group by chances.source, chances.event_id
),

valued as (
    select
        chances.*,
        chances.qty * chances.start_price as notional_usd,
        costs.usual_cost_bps,
        2 * costs.usual_cost_bps / 1e4 * chances.qty * chances.start_price as cost_usd,
        chances.sign * chances.qty * (after.price_1 - chances.start_price) as gross_usd_1,
        chances.sign * chances.qty * (after.price_10 - chances.start_price) as gross_usd_10,
        chances.sign * chances.qty * (after.price_60 - chances.start_price) as gross_usd_60,
        chances.sign * chances.qty * (after.price_300 - chances.start_price) as gross_usd_300,
    from chances
    left join after on chances.source = after.source and chances.event_id = after.event_id
    left join usual_costs as costs
        on
            case when chances.symbol in (select usual_costs.symbol from usual_costs) then chances.symbol end
            is not distinct from costs.symbol
)

select
    source,
    reason,
    ts,
    ingest_seq,
    event_id,
    symbol,
    case when sign > 0 then 'BUY' else 'SELL' end as side,
    qty,
    kind,
    start_price,
    notional_usd,
    usual_cost_bps,
    cost_usd,
    gross_usd_1,
    gross_usd_10,
    gross_usd_60,
    gross_usd_300,
    gross_usd_1 - cost_usd as foregone_usd_1,
    gross_usd_10 - cost_usd as foregone_usd_10,
    gross_usd_60 - cost_usd as foregone_usd_60,
    gross_usd_300 - cost_usd as foregone_usd_300,
from valued
order by source, ts, ingest_seq
