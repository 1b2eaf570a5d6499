-- synced_state.json (semantics 11). One row; its columns are the top-level keys.
-- Columns:
--   nav: equity of the latest tick [USD]
--   updated_at: the file's instant, RFC 3339
--   updated_ts: the file's instant, epoch [s]
select
    staleness.stale_s,
    staleness.stale_inputs,
    position_items.items,
    nav_now.equity_usd as nav,
    flags.engine_version,
    flags.v6_flags,
    clock.as_of_text as updated_at,
    clock.as_of_s as updated_ts,
from position_items
cross join nav_now
cross join flags
cross join clock
cross join staleness(['ticks', 'positions', 'marks', 'executor']) as staleness
