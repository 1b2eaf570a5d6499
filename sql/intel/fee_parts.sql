-- Fees of orders by asset as each record of their fills tells them, and what one unit of each asset is worth where no
-- market has to be asked.
-- Grain: one row per record and asset; the fees by asset count where they are told, else the total in its one asset.
-- Columns:
--   ts: time of the record
--   asset: asset the fee is paid in
--   amount: fee in that asset, negative is a rebate; null: not known [asset]
--   price: dollars for one unit; null: to be looked for in marks [USD]
with told as (
    select
        symbol,
        order_id,
        ts,
        ingest_seq,
        event_id,
        avg_price,
        unnest(
            case
                when json_type(fees_by_asset) = 'OBJECT'
                    then
                        list_transform(
                            json_keys(fees_by_asset),
                            lambda name: {
                                'asset': upper(trim(name)),
                                'amount': json_number(fees_by_asset, '$."' || replace(name, '"', '\"') || '"')
                            }
                        )
                else [{ 'asset': upper(trim(fee_asset)), 'amount': fee_total }]
            end
        ) as part,
    from order_records
)

select
    symbol,
    order_id,
    ts,
    ingest_seq,
    event_id,
    part.asset,
    part.amount,
    case
        when part.amount = 0 or part.asset in (select dollar_assets.asset from dollar_assets) then 1e0
        when symbol in (select part.asset || dollar_assets.asset from dollar_assets) then avg_price
    end as price,
from told
