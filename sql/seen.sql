-- Rows of event_table that the session sees: event time up to as_of(), stored up to known_seq(), without test noise.
-- Grain: one row per event.
select *
from event_table
where ts <= as_of() and ingest_seq <= known_seq() and not is_test
