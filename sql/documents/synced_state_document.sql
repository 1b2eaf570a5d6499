-- synced_state.json (semantics 11). One row; its columns are the top-level keys.
select
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
