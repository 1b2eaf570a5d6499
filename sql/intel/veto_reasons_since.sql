-- Vetoes after an instant by reason and symbol, twins merged (semantics 14). Grain: one row per reason and symbol.
-- `apart`: processes whose vetoes are counted by themselves, `host:pid`.
-- Columns:
--   reason: canonical reason
--   symbol: instrument
--   vetoes: vetoes of the account's processes [1]
--   vetoes_apart: vetoes of the processes apart [1]
--   first_ts: time of the earliest veto
--   last_ts: time of the latest veto
create macro veto_reasons_since(since, apart) as table
select
    merged.reason,
    merged.symbol,
    count(*) filter (where not is_apart(apart, recorded.hostname, recorded.pid)) as vetoes,
    count(*) filter (where is_apart(apart, recorded.hostname, recorded.pid)) as vetoes_apart,
    min(merged.ts) as first_ts,
    max(merged.ts) as last_ts,
from vetoes_since(since - interval 1 hour) as merged
inner join seen_vetoes as recorded
    on merged.event_id = recorded.event_id and recorded.ts > since - interval 1 hour
where merged.ts > since
group by merged.reason, merged.symbol
order by vetoes desc, merged.reason, merged.symbol;
