-- v6_runtime_probe.json (semantics 12). One row; its columns are the top-level keys.
-- Flags and mode are those that the executor recorded last; else those configured, which rest on no input.
-- Columns:
--   INTEL_V6_ENABLED: expectancy and symbol scores are computed
--   RISK_ENGINE_V6_ENABLED: the risk engine is on
--   PIPELINE_V6_SHADOW_ENABLED: shadow head and compare are computed
--   ROUTER_AUTOTUNE_V6_ENABLED: policy suggestions are computed
--   FEEDBACK_ALLOCATOR_V6_ENABLED: allocations are computed
--   ROUTER_AUTOTUNE_V6_APPLY_ENABLED: suggestions are applied
--   ENV: environment that the runtime reports
--   DRY_RUN: no order reaches a venue, as reported by the runtime
--   BINANCE_TESTNET: the venue's test network, as reported by the runtime
--   ts: the file's instant, epoch [s]
select
    case when runtime_probe.recorded_ts is not null then staleness.stale_s end as stale_s,
    case when runtime_probe.recorded_ts is not null then staleness.stale_inputs end as stale_inputs,
    unnest(v6_flags),  -- noqa: AL03
    env as "ENV",  -- noqa: AL09,RF06
    dry_run as "DRY_RUN",  -- noqa: AL09,RF06
    testnet as "BINANCE_TESTNET",  -- noqa: RF06
    engine_version,
    clock.as_of_s as ts,
from runtime_probe
cross join clock
cross join staleness(['executor']) as staleness
