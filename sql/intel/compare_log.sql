-- Every shadow decision that is 120 s old, with its live side: the pairs of pipeline_v6_compare.jsonl (semantics 10).
-- After 120 s a live side within 60 s has arrived or never will. Grain: one row per decision. See compare_pairs_of.
select *
from compare_pairs_of(9223372036854775807)
where ts <= (select as_of - interval 120 second from clock)
order by ts, ingest_seq
