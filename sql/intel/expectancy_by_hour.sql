-- Expectancy of the trades of 48 h by hour (semantics 1). Grain: one row per hour with trades.
-- See expectancy_stats.
-- Columns:
--   hour: UTC hour of the close, 0 to 23
select
    key as hour,
    * exclude (dimension, key),
from expectancy_stats
where dimension = 'hour'
