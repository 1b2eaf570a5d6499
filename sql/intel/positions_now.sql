-- Open positions as of the session's instant (semantics 11). Grain: one row per symbol and side.
-- Those of the newest tick that lists positions; before any such tick the newest imported snapshot per symbol and
-- side.
-- qty is signed (SHORT is negative); notional_usd = |qty| * mark, pnl_usd = (mark - entry) * qty. The mark is the
-- position's own, else the symbol's latest known, else the entry price (then is_marked is
-- false: pnl 0 is no knowledge).
with newest_tick as (
    select arg_max(event_id, (ts, ingest_seq)) as tick_id
    from seen_ticks
    where position_count is not null
),

sided as (
    select
        *,
        coalesce(upper(side), case when qty > 0 then 'LONG' else 'SHORT' end) as position_side,
    from seen_positions
),

chosen as (
    select *
    from sided
    where
        case
            when (select tick_id from newest_tick) is null then tick_id is null
            else tick_id = (select tick_id from newest_tick)
        end
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
from marked
order by symbol, side
