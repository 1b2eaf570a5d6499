-- Prices that were looked up before, for instants of the last 37 days: the newest version that the session knows.
-- Grain: one row per symbol, kind, instant and age; its price is null where there was none.
-- Columns:
--   found: the price and its instant
select
    symbol,
    kind,
    at_ts,
    within_s,
    arg_max({ 'price': price, 'price_ts': price_ts }, ingest_seq) as found,
from price_lookups
where at_ts > as_of() - interval 37 day and at_ts <= as_of() and ingest_seq <= known_seq()
group by symbol, kind, at_ts, within_s
