-- Ticks that count: equity known and > 0 (semantics 11). Grain: one row per tick.
-- Columns:
--   nav_usd: net asset value as reported, else the equity
--   unrealized_pnl_usd: unrealised PnL as reported; 0 if the tick lists no position
select
    ts,
    ingest_seq,
    equity_usd,
    coalesce(nav_usd, equity_usd) as nav_usd,
    coalesce(unrealized_pnl_usd, case when position_count = 0 then 0 end) as unrealized_pnl_usd,
    realized_pnl_usd,
from seen_ticks
where equity_usd > 0
