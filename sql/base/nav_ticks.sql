-- Ticks that count: equity known and > 0 (semantics 11). Grain: one row per tick.
-- Columns:
--   nav_usd: net asset value as reported, else the equity
select
    ts,
    ingest_seq,
    equity_usd,
    coalesce(nav_usd, equity_usd) as nav_usd,
    unrealized_pnl_usd,
    realized_pnl_usd,
from seen_ticks
where equity_usd > 0
