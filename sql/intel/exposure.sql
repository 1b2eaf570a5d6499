-- Exposure of the open positions in USD (semantics 11). Grain: one row, zeros without positions.
-- Columns:
--   gross_exposure_usd: sum of the notionals
--   net_exposure_usd: sum of quantity times mark, shorts negative
--   largest_position_usd: largest notional
--   unrealized_pnl_usd: unrealised PnL of the positions whose mark is known; null: none
--   unmarked_positions: positions without a known mark or entry price; their PnL is unknown [1]
select
    coalesce(sum(notional_usd order by symbol, side), 0) as gross_exposure_usd,
    coalesce(sum(qty * mark_price order by symbol, side), 0) as net_exposure_usd,
    coalesce(max(notional_usd), 0) as largest_position_usd,
    sum(pnl_usd order by symbol, side) filter (where is_marked) as unrealized_pnl_usd,
    count(*) filter (where not is_marked or pnl_usd is null) as unmarked_positions,
from positions_now
