-- Flags and mode of the runtime (semantics 12). Grain: one row.
select
    recorded_ts,
    v6_flags,
    env,
    dry_run,
    testnet,
    engine_version,
from flags
