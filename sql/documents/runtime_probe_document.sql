-- v6_runtime_probe.json (semantics 12). One row; its columns are the top-level keys.
select
    v6_flags.*,
    env as "ENV",
    dry_run as "DRY_RUN",
    testnet as "BINANCE_TESTNET",
    engine_version,
    clock.as_of_s as ts,
from runtime_probe
cross join clock
