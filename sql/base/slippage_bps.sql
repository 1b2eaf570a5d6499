-- Slippage of a fill against the mark price, in bps, positive is cost (semantics 2).
-- With both prices given, null unless both are > 0. With a price unknown, the logged value.
create macro slippage_bps(side, mark_price, avg_fill_price, logged_bps) as
case
    when mark_price is null or avg_fill_price is null then logged_bps
    when mark_price > 0 and avg_fill_price > 0
        then (avg_fill_price - mark_price) / mark_price * 1e4 * case when upper(side) = 'SELL' then -1 else 1 end
end;
