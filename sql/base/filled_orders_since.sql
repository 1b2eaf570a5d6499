-- Orders whose latest fill lies after an instant, and their fees (semantics 13). Grain: one row per order.
-- A fee in dollars counts as it is. A fee in the traded asset is priced at the order's own price, any other fee at the
-- asset's mark in dollars of at most 60 s before the fill.
-- Columns:
--   process: process that recorded it, `host:pid`
--   notional_usd: filled quantity * average price
--   fee_usd: positive is paid, negative a rebate; null: the asset has no known price
create macro filled_orders_since(since) as table
with orders as (
    select
        *,
        upper(trim(fee_asset)) as asset,
    from actual_fills
    where ts > since
    qualify row_number() over (partition by symbol, order_id order by ts desc, ingest_seq desc) = 1
),

dollars as (
    select
        unnest(['USDT', 'USDC', 'USD', 'FDUSD', 'BUSD']) as dollar,
        generate_subscripts(['USDT', 'USDC', 'USD', 'FDUSD', 'BUSD'], 1) as place,
),

foreign_fees as (
    select
        orders.event_id,
        orders.ts,
        orders.asset || dollars.dollar as pair,
        dollars.place,
    from orders
    cross join dollars
    where
        orders.asset not in (select known.dollar from dollars as known)
        and orders.symbol <> orders.asset || dollars.dollar
),

pair_marks as (
    select symbol, ts, mark_price
    from seen_marks
    where ts > since - interval 60 second and symbol in (select pair from foreign_fees) and mark_price > 0
),

asset_prices as (
    select
        foreign_fees.event_id,
        arg_min(pair_marks.mark_price, foreign_fees.place) as price,
    from foreign_fees
    asof inner join pair_marks on foreign_fees.pair = pair_marks.symbol and foreign_fees.ts >= pair_marks.ts
    where pair_marks.ts > foreign_fees.ts - interval 60 second
    group by foreign_fees.event_id
)

select
    orders.ts,
    orders.ingest_seq,
    orders.symbol,
    orders.side,
    orders.order_id,
    orders.attempt_id,
    process_of(orders.hostname, orders.pid) as process,
    orders.executed_qty,
    orders.avg_price,
    orders.executed_qty * orders.avg_price as notional_usd,
    orders.fee_total
    * case
        when orders.asset in (select known.dollar from dollars as known) then 1
        when orders.symbol in (select orders.asset || known.dollar from dollars as known) then orders.avg_price
        else asset_prices.price
    end as fee_usd,
    orders.event_id,
from orders
left join asset_prices on orders.event_id = asset_prices.event_id;
