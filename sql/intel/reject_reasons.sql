-- Why orders were refused in the last 7 days: the ten most frequent reasons. Grain: one row per reason.
-- Columns:
--   reason: code of the venue, else the HTTP status, else how the error begins; unknown: no text
--   count: refused orders [1]
with told as (
    select
        case
            when regexp_matches(error, '"code": ?-?[0-9]+')
                then 'code ' || regexp_extract(error, '"code": ?(-?[0-9]+)', 1)
            when regexp_matches(error, '[45][0-9][0-9] (Client|Server) Error')
                then 'http ' || regexp_extract(error, '([45][0-9][0-9]) (Client|Server) Error', 1)
            else coalesce(nullif(trim(left(error, 60), e' \t\r\n'), ''), 'unknown')
        end as reason,
    from errors_37d
    where is_in_7d
)

select
    reason,
    count(*) as count,
from told
group by reason
order by count desc, reason
limit 10
