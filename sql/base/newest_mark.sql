-- Event time of the newest mark of any symbol (semantics: stopped inputs). Grain: one row.
-- Whole minutes come from the roll-up, which outlives the marks themselves.
-- Columns:
--   ts: event time of the newest mark; null: there is none
with found as (
    (select ts from mark_minutes where minute < rolled_before() order by ts desc limit 1)
    union all
    (select ts from seen_marks order by ts desc limit 1)
)

select max(ts) as ts from found
