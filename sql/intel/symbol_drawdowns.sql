-- Drawdown of the day per symbol in per cent of equity, <= 0 (semantics 9). Grain: one row per listed symbol.
-- c = cumulative realised pnl since the day began; its last point adds the current unrealised pnl of positions whose
-- mark is known. Earlier unrealised pnl is unknown, so the running maximum covers realised points and the present.
-- dd = 100 * (c_now - max(0, running max of c)) / equity at the day's first tick, else at the latest before the day.
-- 0 without activity today; null when there is activity and no equity at all.
-- Columns:
--   unmarked_positions: open positions of the symbol whose PnL is unknown and left out [1]
--   dd_today_pct: drawdown of the day in per cent of equity, <= 0
with open_positions as (
    select
        symbol,
        sum(pnl_usd order by side) filter (where is_marked) as pnl_usd,
        count(*) filter (where not is_marked or pnl_usd is null) as unmarked_positions,
    from positions_now
    group by symbol
),

points as (
    select
        listed_symbols.symbol,
        realized.symbol is not null or coalesce(open_positions.pnl_usd, 0) <> 0 as is_active,
        coalesce(realized.total_usd, 0) + coalesce(open_positions.pnl_usd, 0) as now_usd,
        coalesce(realized.peak_usd, 0) as peak_usd,
        coalesce(open_positions.unmarked_positions, 0) as unmarked_positions,
    from listed_symbols
    left join realized_today as realized on listed_symbols.symbol = realized.symbol
    left join open_positions on listed_symbols.symbol = open_positions.symbol
)

select
    points.symbol,
    case
        when points.is_active
            then 100 * (points.now_usd - greatest(0, points.peak_usd, points.now_usd)) / nav_now.day_equity_usd
        else 0
    end as dd_today_pct,
    points.unmarked_positions,
from points
cross join nav_now
order by points.symbol
