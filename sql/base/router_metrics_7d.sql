-- Router metrics of the last 7 days.
select *
from router_metrics
where ts > as_of() - interval 7 day and symbol is not null
