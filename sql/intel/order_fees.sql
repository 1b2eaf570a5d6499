-- What each order of the last 37 days paid in fees, in dollars (execution quality). Grain: one row per order.
-- Columns:
--   ts: time of the last fill, at which the fee is booked
--   fee_usd: fees, negative is a rebate; null: one of its assets has no known price
with dollar_prices as (
    select
        parts.symbol,
        parts.order_id,
        parts.asset,
        arg_min(prices.price, dollars.place) as price,
    from fee_parts as parts
    cross join dollar_assets as dollars
    inner join looked_up_prices as prices
        on
            prices.symbol = parts.asset || dollars.asset
            and prices.kind = 'mark'
            and prices.at_ts = parts.ts
            and prices.within_s = 60
    where parts.price is null
    group by parts.symbol, parts.order_id, parts.asset
),

summed as (
    select
        parts.symbol,
        parts.order_id,
        case
            when count(parts.amount * coalesce(parts.price, dollar_prices.price)) = count(*)
                then exact_sum(parts.amount * coalesce(parts.price, dollar_prices.price))
        end as fee_usd,
    from fee_parts as parts
    left join dollar_prices
        on
            parts.symbol = dollar_prices.symbol
            and parts.order_id = dollar_prices.order_id
            and parts.asset = dollar_prices.asset
    group by parts.symbol, parts.order_id
)

select
    orders.symbol,
    orders.order_id,
    orders.ts,
    orders.ingest_seq,
    orders.attempt_id,
    orders.strategy,
    case when json_type(orders.fees_by_asset) = 'OBJECT' then coalesce(summed.fee_usd, case when summed.order_id is null then 0 end) else summed.fee_usd end as fee_usd,
from filled_orders as orders
left join summed on orders.symbol = summed.symbol and orders.order_id = summed.order_id
