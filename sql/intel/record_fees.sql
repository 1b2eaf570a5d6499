-- What an order had paid in fees at each record of its fills, in dollars (execution quality).
-- Grain: one row per record.
-- Columns:
--   event_id: the row of order_fills
--   fee_usd: fees so far, negative is a rebate; null: one of its assets has no known price
with dollar_prices as (
    select
        parts.event_id,
        parts.asset,
        arg_min(prices.price, dollars.place) as price,
    from fee_parts as parts
    cross join dollar_assets as dollars
    inner join looked_up_prices as prices
        on
            parts.asset || dollars.asset = prices.symbol
            and prices.kind = 'mark'
            and parts.ts = prices.at_ts
            and prices.within_s = 60
    where parts.price is null
    group by parts.event_id, parts.asset
)

select
    parts.event_id,
    case
        when count(parts.amount * coalesce(parts.price, dollar_prices.price)) = count(*)
            then exact_sum(parts.amount * coalesce(parts.price, dollar_prices.price))
    end as fee_usd,
from fee_parts as parts
left join dollar_prices on parts.event_id = dollar_prices.event_id and parts.asset = dollar_prices.asset
group by parts.event_id
