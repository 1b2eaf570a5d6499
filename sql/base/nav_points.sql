-- The last tick of each minute that has one, and the minute's highest equity (semantics 11). Grain: one row per minute.
-- Whole minutes come from the roll-up, the rest from the ticks themselves. USD.
select
    minute,
    ts,
    ingest_seq,
    equity_usd,
    nav_usd,
    unrealized_pnl_usd,
    realized_pnl_usd,
    peak_equity_usd,
from nav_minutes
where minute < rolled_before()
union all
select
    minute,
    ts,
    ingest_seq,
    equity_usd,
    nav_usd,
    unrealized_pnl_usd,
    realized_pnl_usd,
    peak_equity_usd,
from open_nav_minutes
