-- The open positions as positions.json and synced_state.json list them (semantics 11). One row: items, a list.
-- Columns:
--   items: the open positions
select coalesce(
    list(
        {
            'symbol': symbol, 'side': side, 'positionSide': side, 'qty': qty, 'entry_price': entry_price,
            'mark_price': mark_price, 'pnl': pnl_usd, 'leverage': leverage, 'notional': notional_usd, 'ts': epoch(ts),
            'is_marked': case when not is_marked then false end
        } order by symbol, side
    ),
    []
) as items
from positions_now
