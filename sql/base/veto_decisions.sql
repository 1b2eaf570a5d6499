-- Every veto, twins merged (semantics 14). Grain: one row per veto. See vetoes_since for the columns.
select *
from vetoes_since(timestamptz '-infinity')
