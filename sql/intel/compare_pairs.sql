-- The last 500 shadow decisions, each with its live side (semantics 10). Grain: one row per decision.
-- See compare_pairs_of for the columns.
select *
from compare_pairs_of(500)
