-- What a file says of those of its inputs that stopped (semantics: stopped inputs). Grain: one row.
-- Columns:
--   stale_s: age of the newest row of the input that stopped first; null: none stopped
--   stale_inputs: input that stopped to the event time of its newest row, RFC 3339; null: none stopped
create macro staleness(inputs) as table
select
    max(age_s) as stale_s,
    map_from_entries(list((input, rfc3339(newest_ts)) order by input)) as stale_inputs,
from inputs_now
where is_stopped and list_contains(inputs, input);
