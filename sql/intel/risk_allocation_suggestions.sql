-- Suggested weights and caps (semantics 8). Grain: one row per enabled symbol; none when no symbol has a positive
-- signal. Weights and caps are fractions of NAV. share = signal / sum of signals.
-- Columns:
--   signal: strength of the symbol, from score, expectancy and router quality [1]
--   share: the symbol's share of all signals [0..1]
--   base_frac: cap of the symbol as configured, share of NAV
--   trade_frac: cap of one trade as configured, share of NAV
--   suggested_weight: suggested share of NAV [0..1]
--   suggested_nav_cap_frac: suggested cap of the symbol, share of NAV
--   suggested_trade_cap_frac: suggested cap of one trade, share of NAV
--   suggested_max_concurrent_positions: suggested positions at a time; null: no cap configured [1]
--   rationale: why, in sentences
with signals as (
    select
        listed_symbols.symbol,
        listed_symbols.has_trade,
        listed_symbols.has_router,
        configured_symbols.nav_cap_frac,
        configured_symbols.trade_cap_frac,
        configured_symbols.max_concurrent_positions,
        symbol_scores.score,
        trades.expectancy,
        trades.avg_return,
        trades.hit_rate,
        policies.regime,
        policies.current_policy,
        policies.proposed_policy,
        case
            when listed_symbols.has_trade or listed_symbols.has_router
                then
                    (
                        greatest(0, symbol_scores.score)
                        + case when trades.expectancy > 0 then least(trades.expectancy / 10, 0.3) else 0 end
                    )
                    * case policies.quality when 'broken' then 0.2 when 'degraded' then 0.6 else 1 end
            else 0
        end as signal,
    from listed_symbols
    inner join configured_symbols on listed_symbols.symbol = configured_symbols.symbol
    inner join symbol_scores on listed_symbols.symbol = symbol_scores.symbol
    inner join router_policy_suggestions as policies on listed_symbols.symbol = policies.symbol
    left join expectancy_by_symbol as trades on listed_symbols.symbol = trades.symbol
    where listed_symbols.is_enabled
),

shares as (
    select
        *,
        signal / (sum(signal order by symbol) over ()) as share,
    from signals
    qualify sum(signal order by symbol) over () > 0
),

caps as (
    select
        shares.*,
        risk_mode_now.risk_mode,
        coalesce(least(shares.nav_cap_frac, limits.global_nav_cap_frac), 0.25) as upper_frac,
        coalesce(shares.nav_cap_frac, limits.global_nav_cap_frac, 0.25) as base_frac,
        coalesce(shares.trade_cap_frac, limits.global_trade_cap_frac, 0.2) as trade_frac,
    from shares
    cross join risk_mode_now
    cross join limits
)

select
    symbol,
    score,
    expectancy,
    avg_return,
    hit_rate,
    regime,
    current_policy,
    proposed_policy,
    risk_mode,
    signal,
    share,
    base_frac,
    trade_frac,
    max_concurrent_positions,
    round_6(share * case risk_mode when 'normal' then 0.9 when 'cautious' then 0.65 else 0.45 end) as suggested_weight,
    round_6(
        least(
            upper_frac,
            base_frac * case risk_mode when 'normal' then 1.05 when 'cautious' then 0.85 else 0.65 end
            * (0.8 + 0.4 * share)
        )
    ) as suggested_nav_cap_frac,
    round_6(
        least(
            trade_frac,
            trade_frac * case risk_mode when 'normal' then 1 when 'cautious' then 0.85 else 0.7 end
            * (0.85 + 0.3 * share)
        )
    ) as suggested_trade_cap_frac,
    case
        when max_concurrent_positions is null then null
        when risk_mode <> 'normal' and share < 0.5 and (risk_mode = 'defensive' or share < 0.2)
            then greatest(0, max_concurrent_positions - 1)
        else max_concurrent_positions
    end as suggested_max_concurrent_positions,
    list_filter(
        [
            'Signal share ' || format('{:.1f}', 100 * share) || ' % of the enabled symbols.',
            case when risk_mode <> 'normal' then 'Risk mode ' || risk_mode || ': caps are tightened.' end,
            case
                when not (has_trade or has_router) then 'Neither a trade nor a router row speaks for the symbol.'
                when signal = 0 then 'Neither score nor expectancy speaks for the symbol.'
            end
        ],
        lambda sentence: sentence is not null
    ) as rationale,
from caps
order by symbol
