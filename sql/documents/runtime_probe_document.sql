-- v6_runtime_probe.json (semantics 12). One row; its columns are the top-level keys.
select
    unnest(v6_flags),  -- noqa: AL03
    env as "ENV",  -- noqa: AL09,RF06
    dry_run as "DRY_RUN",  -- noqa: AL09,RF06
    testnet as "BINANCE_TESTNET",  -- noqa: RF06
    engine_version,
    clock.as_of_s as ts,
from runtime_probe
cross join clock
