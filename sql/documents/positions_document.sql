-- positions.json (semantics 11). One row; its columns are the top-level keys.
-- Columns:
--   unmarked_positions: positions whose mark or entry price is unknown; left out if there are none [1]
--   exec_stats: execution counts of 24 hours
--   updated_at: the file's instant, RFC 3339
--   updated_ts: the file's instant, epoch [s]
select
    staleness.stale_s,
    staleness.stale_inputs,
    position_items.items,
    exposure.gross_exposure_usd,
    exposure.net_exposure_usd,
    exposure.largest_position_usd,
    nullif(exposure.unmarked_positions, 0) as unmarked_positions,
    { 'attempted_24h': attempted_24h, 'executed_24h': executed_24h, 'vetoes_24h': vetoes_24h, 'fill_rate': fill_rate,
        'top_vetoes': top_vetoes, 'last_heartbeats': last_heartbeats } as exec_stats,
    clock.as_of_text as updated_at,
    clock.as_of_s as updated_ts,
from position_items
cross join exposure
cross join exec_stats
cross join clock
cross join staleness(['positions', 'marks', 'executor']) as staleness
