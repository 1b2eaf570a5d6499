-- Rows of marks that the session sees: event time up to as_of(), stored up to known_seq(), no test noise.
-- Grain: one row per event.
select *
from marks
where ts <= as_of() and ingest_seq <= known_seq() and not is_test
