-- Router metrics of the last 7 days. Grain: one row per metric.
select *
from router_metrics
where ts > as_of() - interval 7 day and symbol is not null
