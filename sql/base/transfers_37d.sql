-- Transfers of the last 37 days: of several rows with one transfer_id the earliest. Grain: one row per transfer.
select *
from seen_transfers
where ts > as_of() - interval 37 day
qualify
    row_number() over (partition by coalesce(transfer_id, event_id), transfer_id is null order by ts, ingest_seq) = 1
