-- Records of the last 7 days that cannot be true together, or of which one is missing (execution quality).
-- Grain: one row per finding, errors first, then by check, time, symbol and ref.
-- Columns:
--   check: what was held against what, e.g. overfilled
--   severity: error: figures are wrong; warning: they may be
--   symbol: instrument; null: it concerns the account
--   ref: id of the order, attempt or trade; null: it concerns the account
--   ts: event time of the record that shows it
--   found: what the record says
--   expected: what the other records say; null: nothing
--   event_ids: the records to look at, sorted
with every as (
    from order_findings
    union all
    from attempt_findings
    union all
    from account_findings
)

select
    every.check_name as "check",
    every.severity,
    every.symbol,
    every.ref,
    every.ts,
    every.found,
    every.expected,
    list_sort(list_distinct(every.event_ids)) as event_ids,
from every
cross join clock
where every.ts > clock.as_of - interval 7 day
order by every.severity, every.check_name, every.ts, coalesce(every.symbol, ''), coalesce(every.ref, '')
