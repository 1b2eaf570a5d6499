-- Vetoes of the last 7 days, twins merged. Grain: one row per veto.
-- Twins are matched from an hour before the window on, because a pair at its edge depends on its neighbours.
select *
from vetoes_since(as_of() - interval 169 hour)
where ts > as_of() - interval 7 day
