-- risk_snapshot.json (semantics 9). One row; its columns are the top-level keys.
-- Columns:
--   updated_ts: the file's instant, epoch [s]
--   symbols: router, risk, volatility and sizing per symbol
with symbols as (
    select list(
        {
            'symbol': symbol,
            'router': {
                'maker_fill_ratio': maker_fill_ratio, 'fallback_ratio': fallback_ratio,
                'slip_q25': slip_q25, 'slip_q50': slip_q50, 'slip_q75': slip_q75, 'slip_q95': slip_q95,
                'warnings': warnings, 'router_warnings': warnings,
                'maker_offset_bps': maker_offset_bps, 'policy_quality': quality,
                'policy_maker_first': maker_first, 'policy_taker_bias': taker_bias
            },
            'risk': {
                'dd_today_pct': dd_today_pct, 'risk_flags': risk_flags, 'sharpe_state': sharpe_state,
                'toggle_active': is_disabled, 'toggle_meta': toggle_meta,
                'unmarked_positions': nullif(unmarked_positions, 0)
            },
            'vol': {
                'atr_now': atr_now, 'atr_med': atr_med, 'atr_ratio': atr_ratio,
                'atr_regime': execution_health.atr_regime
            },
            'sizing': {
                'sharpe_7d': sharpe_7d, 'size_mult_sharpe': size_mult_sharpe, 'size_mult_regime': size_mult_regime,
                'size_mult_combined': size_mult_combined, 'intel_size_factor': intel_size_factor,
                'final_size_factor': final_size_factor
            },
            'updated_ts': clock.as_of_s
        } order by symbol
    ) as symbols
    from execution_health
    cross join clock
)

select
    staleness.stale_s,
    staleness.stale_inputs,
    clock.as_of_s as updated_ts,
    coalesce(symbols.symbols, []) as symbols,
from clock
cross join symbols
cross join staleness(['ticks', 'positions', 'marks', 'executor']) as staleness
