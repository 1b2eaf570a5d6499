-- Expectancy of the trades of 48 h by symbol (semantics 1). Grain: one row per symbol with trades.
-- See expectancy_stats.
-- Columns:
--   symbol: instrument
select
    key as symbol,
    * exclude (dimension, key),
from expectancy_stats
where dimension = 'symbol'
