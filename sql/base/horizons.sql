-- How long after an event prices are compared, and how old a price may be then (execution quality).
-- Grain: one row per horizon.
-- Columns:
--   horizon_s: time after the event
--   within_s: age from which a price is too old
select
    lengths.horizon_s,
    greatest(1, lengths.horizon_s / 10) as within_s,
from (values (1e0), (10e0), (60e0), (300e0)) as lengths (horizon_s)
