-- Risk and execution picture of each listed symbol: its profile, the day's drawdown and its toggle (semantics 9).
-- Grain: one row per symbol.
-- Columns:
--   is_disabled: the symbol is switched off
--   toggle_meta: since when (epoch seconds), until when and why; null: the symbol is on
--   z: health_score plus the part of the day's drawdown [1]
--   risk_flags: dd_warning from -1.5 %, dd_kill_threshold from -3 %, symbol_disabled
--   size_mult_combined: size_mult_sharpe times size_mult_regime [1]
--   intel_size_factor: size factor that follows from z [0.25..2]
--   final_size_factor: size_mult_combined times intel_size_factor [1]
with known as (
    select
        execution_profile.*,
        symbol_drawdowns.dd_today_pct,
        symbol_drawdowns.unmarked_positions,
        toggles.symbol is not null as is_disabled,
        case
            when toggles.symbol is not null
                then {
                    'disabled_ts': epoch(toggles.ts), 'disabled_until': rfc3339(toggles.until_ts),
                    'reason': toggles.reason
                }
        end as toggle_meta,
        health_score
        + case
            when dd_today_pct <= -3 then -0.5
            when dd_today_pct <= -1.5 then -0.25
            when dd_today_pct >= 0.5 then 0.1
            else 0
        end as z,
    from execution_profile
    left join symbol_drawdowns on execution_profile.symbol = symbol_drawdowns.symbol
    left join symbol_toggles_now as toggles on execution_profile.symbol = toggles.symbol
)

select
    *,
    list_filter(
        [
            case when dd_today_pct <= -1.5 then 'dd_warning' end,
            case when dd_today_pct <= -3 then 'dd_kill_threshold' end,
            case when is_disabled then 'symbol_disabled' end
        ],
        lambda flag: flag is not null
    ) as risk_flags,
    size_mult_sharpe * size_mult_regime as size_mult_combined,
    intel_size_factor(z) as intel_size_factor,
    size_mult_sharpe * size_mult_regime * intel_size_factor(z) as final_size_factor,
from known
order by symbol
