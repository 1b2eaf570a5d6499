-- Chances that vetoes of the last 7 days refused: the first usable veto of a symbol, side and reason in five minutes.
-- Grain: one row per episode; usable is a veto whose side and quantity are known and that does not reduce a position.
-- Columns:
--   qty: quantity asked for, else that of the intent, else its gross over its price [base units]
--   kind: prices that are compared: mid or mark
--   ref_price: price of that kind that the veto itself tells [quote/base]
--   sign: 1 for BUY, -1 for SELL
with told as (
    select
        *,
        side_sign(side) as sign,
        coalesce(
            positive(qty_req),
            positive(json_number(veto_detail, '$.intent.qty')),
            positive(
                positive(json_number(veto_detail, '$.intent.gross_usd'))
                / positive(json_number(veto_detail, '$.intent.price'))
            )
        ) as qty,
        json_extract_string(veto_detail, '$.intent.reduce_only') = 'true'
        or json_extract_string(veto_detail, '$.intent.reduceOnly') = 'true' as is_reducing,
        mid_price(bid_price, ask_price) as mid_price,
    from vetoes_7d
)

select
    ts,
    ingest_seq,
    event_id,
    symbol,
    sign,
    reason,
    qty,
    case when mid_price is not null then 'mid' else 'mark' end as kind,
    coalesce(mid_price, positive(mark_price)) as ref_price,
from told
where sign is not null and qty is not null and not coalesce(is_reducing, false)
qualify
    row_number() over (
        partition by symbol, sign, reason, epoch_us(ts) // 300000000 order by ts, ingest_seq
    ) = 1
