-- Suggested router policies (semantics 7). Grain: one row per symbol of the router files. Biases 0..1, offsets in bps.
-- The bias and offset in force are kept within the configured bounds, like the proposed ones. bias_signal sums the
-- arguments for taker (> 0) or maker (< 0), offset_signal those for a wider (> 0) or narrower offset (< 0). The steps
-- use both signals kept within -1..1.
-- Columns:
--   strength: how good the symbol's results are; high favours maker, low favours taker [1]
--   bias_signal: sum of arguments for taker (> 0) or maker (< 0), before it is kept within -1..1 [1]
--   offset_signal: sum of arguments for a wider (> 0) or narrower offset (< 0), before it is kept within -1..1 [1]
--   current_policy: policy in force: maker first, taker bias as a number and as a label, offset in bps
--   proposed_policy: policy suggested: maker first, taker bias as a number and as a label, offset in bps
--   rationale: why, in sentences
with current_policies as (
    select
        router_health.*,
        trades.count as trade_count,
        trades.expectancy,
        trades.hit_rate,
        symbol_scores.score,
        clamp(bias_number(router_health.taker_bias), limits.min_bias, limits.max_bias) as bias,
        clamp(router_health.maker_offset_bps, limits.min_offset_bps, limits.max_offset_bps) as offset_bps,
        suggestion_strength(trades.expectancy, trades.hit_rate, symbol_scores.score) as strength,
        limits.* exclude (payload),
    from router_health
    cross join limits
    left join expectancy_by_symbol as trades on router_health.symbol = trades.symbol
    left join symbol_scores on router_health.symbol = symbol_scores.symbol
    where router_health.is_router_listed
),

judged as (
    select
        *,
        quality = 'broken' or regime = 'broken' as is_broken,
        case when is_broken then 1e0 when quality = 'degraded' then 0.5 else 0 end as harm,
    from current_policies
),

signals as (
    select
        *,
        harm
        + case regime
            when 'fallback_heavy' then 0.75
            when 'slippage_hot' then 0.5
            when 'maker_strong' then -0.75
            else 0
        end
        + case
            when strength >= 1.5 then -1
            when strength >= 0.5 then -0.5
            when strength <= -1.5 then 1
            when strength <= -0.5 then 0.5
            else 0
        end as bias_signal,
        harm
        + case regime
            when 'fallback_heavy' then 0.5
            when 'slippage_hot' then 0.75
            when 'maker_strong' then -0.5
            else 0
        end
        + case when strength >= 1.5 then -0.5 when strength <= -1.5 then 0.5 else 0 end as offset_signal,
        maker_first
        and not is_broken
        and not (regime = 'fallback_heavy' and fallback_ratio >= 0.6 and trade_count is null) as keeps_maker_first,
    from judged
),

proposed as (
    select
        *,
        keeps_maker_first or (quality <> 'broken' and regime = 'maker_strong' and strength >= 0.5) as maker_first_after,
        clamp(bias + clamp(bias_signal, -1, 1) * max_bias_step, min_bias, max_bias) as bias_after,
        clamp(offset_bps + clamp(offset_signal, -1, 1) * max_offset_step_bps, min_offset_bps, max_offset_bps)
            as offset_bps_after,
    from signals
)

select
    symbol,
    has_router,
    quality,
    regime,
    maker_fill_ratio,
    fallback_ratio,
    slip_q50,
    slip_q95,
    ack_latency_p50_ms,
    score,
    strength,
    bias_signal,
    offset_signal,
    {
        'maker_first': maker_first, 'taker_bias': bias, 'bias_label': bias_label(bias), 'offset_bps': offset_bps
    } as current_policy,
    case
        when has_router
            then {
                'maker_first': maker_first_after,
                'taker_bias': bias_after,
                'bias_label': bias_label(bias_after),
                'offset_bps': offset_bps_after
            }
        else current_policy
    end as proposed_policy,
    list_filter(
        [
            case
                when not has_router then 'No router row in 7 days: the policy stays.'
                when is_broken
                    then 'The router is broken (quality ' || quality || ', regime ' || regime || '): no maker first.'
                when quality = 'degraded' then 'The router is degraded: lean to taker.'
            end,
            case
                when not has_router then null
                when regime = 'fallback_heavy' then 'Most maker starts fall back to taker.'
                when regime = 'slippage_hot' then 'The worst fills cost 12 bps or more.'
                when regime = 'maker_strong' then 'Maker orders fill well: lean to maker.'
            end,
            case
                when not has_router then null
                when strength >= 0.5 then 'Results are good (strength ' || strength || '): lean to maker.'
                when strength <= -0.5 then 'Results are poor (strength ' || strength || '): lean to taker.'
            end
        ],
        lambda sentence: sentence is not null
    ) as rationale,
from proposed
order by symbol
