-- Expectancy of the trades of 48 h by regime (semantics 1). Grain: one row per regime with trades.
-- See expectancy_stats.
-- Columns:
--   regime: tag of the trades
select
    key as regime,
    * exclude (dimension, key),
from expectancy_stats
where dimension = 'regime'
