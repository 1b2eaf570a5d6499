-- The runtime's flags as of the session's instant: the newest recorded snapshot. Grain: one row, even if no snapshot is
-- recorded. Per flag, is_*_on is true unless recorded as off. The probe shows recorded values, else configured ones.
-- Columns:
--   recorded_ts: event time of the snapshot; null: none is recorded
--   v6_flags: the six flags under the contract's names
with newest as (
    select *
    from seen_flag_snapshots
    qualify row_number() over (order by ts desc, ingest_seq desc) = 1
)

select
    newest.ts as recorded_ts,
    coalesce(newest.is_intel_on, true) as is_intel_on,
    coalesce(newest.is_pipeline_shadow_on, true) as is_pipeline_shadow_on,
    coalesce(newest.is_router_autotune_on, true) as is_router_autotune_on,
    coalesce(newest.is_feedback_allocator_on, true) as is_feedback_allocator_on,
    {
        'INTEL_V6_ENABLED': coalesce(newest.is_intel_on, configured('INTEL_V6_ENABLED') = 'true', true),
        'RISK_ENGINE_V6_ENABLED':
            coalesce(newest.is_risk_engine_on, configured('RISK_ENGINE_V6_ENABLED') = 'true', true),
        'PIPELINE_V6_SHADOW_ENABLED':
            coalesce(newest.is_pipeline_shadow_on, configured('PIPELINE_V6_SHADOW_ENABLED') = 'true', true),
        'ROUTER_AUTOTUNE_V6_ENABLED':
            coalesce(newest.is_router_autotune_on, configured('ROUTER_AUTOTUNE_V6_ENABLED') = 'true', true),
        'FEEDBACK_ALLOCATOR_V6_ENABLED':
            coalesce(newest.is_feedback_allocator_on, configured('FEEDBACK_ALLOCATOR_V6_ENABLED') = 'true', true),
        'ROUTER_AUTOTUNE_V6_APPLY_ENABLED':
            coalesce(
                newest.is_router_autotune_apply_on, configured('ROUTER_AUTOTUNE_V6_APPLY_ENABLED') = 'true', false
            )
    } as v6_flags,
    coalesce(newest.env, configured('ENV'), 'dev') as env,
    coalesce(newest.dry_run, configured('DRY_RUN'), '1') as dry_run,
    coalesce(newest.testnet, configured('BINANCE_TESTNET'), '0') as testnet,
    coalesce(nullif(newest.engine_version, ''), nullif(configured('engine_version'), ''), 'tape') as engine_version,
from limits
left join newest on true
