-- nav.json (semantics 11). One row; its columns are the top-level keys.
-- Columns:
--   series: the last tick of each of the last 500 minutes that have one, oldest first, in USD
--   points: time (epoch, s) and equity of each point of series [USD]
--   peak_equity: highest equity on record [USD]
--   total_equity: equity of the latest tick [USD]
--   unmarked_positions: positions whose mark or entry price is unknown; left out if there are none [1]
--   drawdown: the same as drawdown_pct [%]
--   drawdown_abs: how far equity is below the day's peak, positive is loss [USD]
--   realized_pnl_today: realised PnL of today's closes [USD]
--   realized_pnl: the same as realized_pnl_today [USD]
--   unrealized_pnl: unrealised PnL of the latest tick or of the marked positions; left out while unknown [USD]
--   nav: the same as total_equity [USD]
--   nav_usd: the same as total_equity
--   exec_stats: execution counts of 24 hours
--   updated_at: the file's instant, RFC 3339
--   updated_ts: the file's instant, epoch [s]
with points as (
    select list(
        {
            't': rfc3339(ts), 'equity': equity_usd, 'nav': nav_usd, 'unrealized_pnl': unrealized_pnl_usd,
            'realized_pnl': realized_pnl_usd
        } order by ts
    ) as series,
    list({ 'ts': epoch_us(ts) / 1e6, 'equity': equity_usd } order by ts) as points,
    from nav_series
)

select
    staleness.stale_s,
    staleness.stale_inputs,
    coalesce(points.series, []) as series,
    coalesce(points.points, []) as points,
    nav_now.peak_equity_usd as peak_equity,
    nav_now.equity_usd as total_equity,
    exposure.gross_exposure_usd,
    exposure.net_exposure_usd,
    exposure.largest_position_usd,
    nullif(exposure.unmarked_positions, 0) as unmarked_positions,
    nav_now.drawdown_pct,
    nav_now.drawdown_pct as drawdown,
    nav_now.drawdown_usd as drawdown_abs,
    nav_now.realized_pnl_today_usd as realized_pnl_today,
    nav_now.realized_pnl_today_usd as realized_pnl,
    nav_now.unrealized_pnl_usd as unrealized_pnl,
    nav_now.equity_usd as nav,
    nav_now.equity_usd as nav_usd,
    { 'attempted_24h': attempted_24h, 'executed_24h': executed_24h, 'vetoes_24h': vetoes_24h, 'fill_rate': fill_rate,
        'top_vetoes': top_vetoes, 'last_heartbeats': last_heartbeats } as exec_stats,
    clock.as_of_text as updated_at,
    clock.as_of_s as updated_ts,
from nav_now
cross join points
cross join exposure
cross join exec_stats
cross join clock
cross join staleness(['ticks', 'positions', 'marks', 'executor']) as staleness
