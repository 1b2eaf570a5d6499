-- Open positions as of the session's instant (semantics 11). Grain: one row per symbol and side.
-- They are the positions of the newest tick that lists positions, with that tick's id and time; before any such tick,
-- the newest imported snapshot per symbol and side.
-- Columns:
--   side: LONG or SHORT
--   qty: signed quantity, SHORT is negative [base units]
--   mark_price: the position's mark, else the symbol's latest, else the entry price [quote/base]
--   is_marked: a mark is known; if not, the PnL of 0 says nothing
--   pnl_usd: (mark - entry) * qty
--   notional_usd: |qty| * mark
with candidates as (
    select *
    from seen_positions
    where
        tick_id = (select listing_tick.event_id from listing_tick)
        and ts = (select listing_tick.ts from listing_tick)
    union all
    select *
    from seen_positions
    where tick_id is null and not exists (select * from listing_tick)
),

chosen as (
    select
        *,
        coalesce(upper(side), case when qty > 0 then 'LONG' else 'SHORT' end) as position_side,
    from candidates
    qualify row_number() over (partition by symbol, position_side order by ts desc, ingest_seq desc) = 1
),

latest_marks as (
    select symbol, arg_max(mark_price, (ts, ingest_seq)) as mark_price
    from seen_marks
    where symbol in (select symbol from chosen where mark_price is null and qty <> 0)
    group by symbol
),

marked as (
    select
        chosen.symbol,
        chosen.position_side as side,
        case chosen.position_side
            when 'SHORT' then -abs(chosen.qty)
            when 'LONG' then abs(chosen.qty)
            else chosen.qty
        end as qty,
        chosen.entry_price,
        coalesce(chosen.mark_price, latest_marks.mark_price, chosen.entry_price) as mark_price,
        coalesce(chosen.mark_price, latest_marks.mark_price) is not null as is_marked,
        chosen.leverage,
        chosen.ts,
        chosen.event_id,
    from chosen
    left join latest_marks on chosen.symbol = latest_marks.symbol
    where chosen.qty <> 0
)

select
    symbol,
    side,
    qty,
    entry_price,
    mark_price,
    is_marked,
    (mark_price - entry_price) * qty as pnl_usd,
    leverage,
    abs(qty) * mark_price as notional_usd,
    ts,
    event_id,
from marked
order by symbol, side
