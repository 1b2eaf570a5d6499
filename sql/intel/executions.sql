-- Executions of the attempts of the last 7 days against the market at the time and after it (execution quality).
-- Grain: one row per execution, in the order of time. USD, positive markouts are good for us.
-- A horizon that has not come yet leaves its columns null and is not missing.
-- Columns:
--   order_id: the venue's order id
--   ts: time of the fill
--   side: BUY or SELL
--   qty: quantity of this execution [base units]
--   price: price of this execution [quote/base]
--   notional_usd: quantity times price
--   ref_price: price of the moment of the kind [quote/base]
--   attempt_ref_price: price of the moment of the kind of its attempt [quote/base]
--   spread_usd: paid against the price of the moment, negative is earned
--   markout_usd_1: gain against the fill price after 1 s [USD]
--   markout_usd_10: gain against the fill price after 10 s [USD]
--   markout_usd_60: gain against the fill price after 60 s [USD]
--   markout_usd_300: gain against the fill price after 300 s [USD]
--   move_usd_1: what the market did for us within 1 s, negative is adverse selection [USD]
--   move_usd_10: what the market did for us within 10 s, negative is adverse selection [USD]
--   move_usd_60: what the market did for us within 60 s, negative is adverse selection [USD]
--   move_usd_300: what the market did for us within 300 s, negative is adverse selection [USD]
--   is_missing_1: 1 s have passed and no price of then is known
--   is_missing_10: 10 s have passed and no price of then is known
--   is_missing_60: 60 s have passed and no price of then is known
--   is_missing_300: 300 s have passed and no price of then is known
with fills as (
    from attempt_fills
),

prices as (
    from looked_up_prices
),

priced as (
    select
        fills.*,
        coalesce(fills.ref_price, own.price) as known_price,
        coalesce(fills.attempt_ref_price, of_attempt.price) as attempt_price,
    from fills
    left join prices as own
        on
            fills.ref_price is null
            and fills.symbol = own.symbol
            and fills.kind = own.kind
            and fills.ts = own.at_ts
            and own.within_s = 2
    left join prices as of_attempt
        on
            fills.attempt_ref_price is null
            and fills.symbol = of_attempt.symbol
            and fills.attempt_kind = of_attempt.kind
            and fills.ts = of_attempt.at_ts
            and of_attempt.within_s = 2
),

after as (
    select
        fills.event_id,
        max(prices.price) filter (where horizons.horizon_s = 1) as price_1,
        max(prices.price) filter (where horizons.horizon_s = 10) as price_10,
        max(prices.price) filter (where horizons.horizon_s = 60) as price_60,
        max(prices.price) filter (where horizons.horizon_s = 300) as price_300,
    from fills
    cross join horizons
    inner join prices
        on
            fills.symbol = prices.symbol
            and fills.kind = prices.kind
            and fills.ts + to_microseconds(cast(horizons.horizon_s * 1000000 as bigint)) = prices.at_ts
            and horizons.within_s = prices.within_s
    group by fills.event_id
)

select
    priced.attempt_id,
    priced.attempt_ts,
    priced.symbol,
    priced.order_id,
    priced.event_id,
    priced.ts,
    priced.ingest_seq,
    case when priced.sign > 0 then 'BUY' else 'SELL' end as side,
    priced.kind,
    priced.qty,
    priced.price,
    priced.qty * priced.price as notional_usd,
    priced.known_price as ref_price,
    priced.attempt_price as attempt_ref_price,
    priced.sign * priced.qty * (priced.price - priced.known_price) as spread_usd,
    priced.sign * priced.qty * (after.price_1 - priced.price) as markout_usd_1,
    priced.sign * priced.qty * (after.price_10 - priced.price) as markout_usd_10,
    priced.sign * priced.qty * (after.price_60 - priced.price) as markout_usd_60,
    priced.sign * priced.qty * (after.price_300 - priced.price) as markout_usd_300,
    priced.sign * priced.qty * (after.price_1 - priced.known_price) as move_usd_1,
    priced.sign * priced.qty * (after.price_10 - priced.known_price) as move_usd_10,
    priced.sign * priced.qty * (after.price_60 - priced.known_price) as move_usd_60,
    priced.sign * priced.qty * (after.price_300 - priced.known_price) as move_usd_300,
    after.price_1 is null and priced.ts + interval 1 second <= clock.as_of as is_missing_1,
    after.price_10 is null and priced.ts + interval 10 second <= clock.as_of as is_missing_10,
    after.price_60 is null and priced.ts + interval 60 second <= clock.as_of as is_missing_60,
    after.price_300 is null and priced.ts + interval 300 second <= clock.as_of as is_missing_300,
from priced
left join after on priced.event_id = after.event_id
cross join clock
order by priced.ts, priced.symbol, priced.order_id, priced.executed_qty, priced.ingest_seq
