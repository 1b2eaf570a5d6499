-- Symbols that are switched off as of the session's instant (semantics 9). Grain: one row per such symbol.
-- Columns:
--   ts: when it was switched off
select
    symbol,
    ts,
    until_ts,
    reason,
    event_id,
from (
    select *
    from seen_symbol_toggles
    qualify row_number() over (partition by symbol order by ts desc, ingest_seq desc) = 1
) as newest
where is_disabled and (until_ts is null or until_ts > (select as_of from clock))
order by symbol
