-- Executions of the attempts of the last 7 days, before prices are looked for. Grain: one row per execution.
-- Columns:
--   kind: prices that the execution is compared with: mid or mark
--   ref_price: price of that kind that the row itself tells [quote/base]
--   attempt_kind: kind of prices of its attempt; null: none
--   attempt_ref_price: price of that kind that the row itself tells [quote/base]
--   attempt_ts: when its attempt was decided
--   attempt_seq: ingest_seq of its attempt; null: no attempt
--   attempt_symbol: symbol of its attempt; null: no attempt
select
    fills.*,
    case when fills.mid_price is not null then 'mid' else 'mark' end as kind,
    coalesce(fills.mid_price, fills.mark_price) as ref_price,
    attempts.kind as attempt_kind,
    case when attempts.kind = 'mid' then fills.mid_price when attempts.kind = 'mark' then fills.mark_price end
        as attempt_ref_price,
    attempts.ts as attempt_ts,
    attempts.ingest_seq as attempt_seq,
    attempts.symbol as attempt_symbol,
from order_executions as fills
inner join attempt_outcomes as attempts on fills.attempt_id = attempts.attempt_id
where attempts.is_in_7d
