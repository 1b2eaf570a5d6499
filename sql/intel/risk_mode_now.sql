-- Risk mode of the portfolio (semantics 8). Grain: one row. drawdown_pct: the larger of the portfolio's drawdown of the
-- day and the worst symbol's, in per cent, positive = loss; null without any tick. Without a tick, or with the newest
-- one older than nav_freshness_s, the mode is at least cautious.
-- Columns:
--   drawdown_pct: larger of the portfolio's drawdown of the day and the worst symbol's, positive is loss
--   unmarked_positions: open positions whose PnL is unknown and left out of the symbols' drawdowns [1]
--   is_nav_stale: there is no tick, or the newest one is too old
--   risk_mode: defensive from 10 %, cautious from 5 % or with a stale NAV, else normal
with symbols as (
    select
        coalesce(max(-least(dd_today_pct, 0)), 0) as worst_pct,
        coalesce(sum(unmarked_positions), 0)::bigint as unmarked_positions,
    from symbol_drawdowns
),

measured as (
    select
        nav_now.equity_usd,
        case
            when nav_now.ts is not null
                then greatest(nav_now.drawdown_pct, symbols.worst_pct)
        end as drawdown_pct,
        symbols.unmarked_positions,
        coalesce(nav_now.age_s > limits.nav_freshness_s, true) as is_nav_stale,
    from nav_now
    cross join limits
    cross join symbols
)

select
    equity_usd,
    drawdown_pct,
    unmarked_positions,
    is_nav_stale,
    case
        when drawdown_pct >= 10 then 'defensive'
        when drawdown_pct >= 5 or is_nav_stale then 'cautious'
        else 'normal'
    end as risk_mode,
from measured
