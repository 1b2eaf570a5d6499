-- Drawdown of the day per symbol in per cent of equity, <= 0 (semantics 9). Grain: one row per listed symbol.
-- c = cumulative realised pnl since the day began; its last point adds the current unrealised pnl (of positions whose
-- mark is known): what was unrealised in between is not known, so the running maximum sees realised points and now.
-- dd = 100 * (c_now - max(0, running max of c)) / equity at the day's first tick, else at the latest before the day.
-- 0 without activity today; null when there is activity and no equity at all.
-- Columns:
--   unmarked_positions: open positions of the symbol whose PnL is unknown and left out [1]
--   dd_today_pct: drawdown of the day in per cent of equity, <= 0
with unrealized as (
    select
        symbol,
        sum(pnl_usd order by side) as pnl_usd,
    from positions_now
    where is_marked
    group by symbol
    having sum(pnl_usd order by side) <> 0
),

unmarked as (
    select
        symbol,
        count(*) as unmarked_positions,
    from positions_now
    where not is_marked or pnl_usd is null
    group by symbol
),

points as (
    select
        listed_symbols.symbol,
        realized.symbol is not null or unrealized.symbol is not null as is_active,
        coalesce(realized.total_usd, 0) + coalesce(unrealized.pnl_usd, 0) as now_usd,
        coalesce(realized.peak_usd, 0) as peak_usd,
        coalesce(unmarked.unmarked_positions, 0) as unmarked_positions,
    from listed_symbols
    left join realized_today as realized on listed_symbols.symbol = realized.symbol
    left join unrealized on listed_symbols.symbol = unrealized.symbol
    left join unmarked on listed_symbols.symbol = unmarked.symbol
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
