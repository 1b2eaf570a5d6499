-- The points of the last day and, when these are fewer than 500 minutes, all that are older. Grain: one row per minute.
-- See nav_points. The bound keeps a look at the last 500 from reading the history.
with recent as (
    select count(*) as minutes from nav_points where minute > as_of() - interval 1 day
),

bound as (
    select case when minutes >= 500 then as_of() - interval 1 day else cast('-infinity' as timestamptz) end as minute
    from recent
)

select *
from nav_points
where minute > (select bound.minute from bound)
