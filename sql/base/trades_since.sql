-- Closed trades after an instant (semantics 1, 3). Grain: one row per order_close.
-- The router metric is the latest of the same attempt, however old; without one, the latest of the attempt without a
-- trailing _reduce. Fills and metrics are searched near the window first, and in all of history only for trades without
-- a match.
-- Columns:
--   net_pnl_usd: realised PnL after fees; null unless all fees are priced
--   is_fee_unpriced: paid in an asset without a known price, at least in part: fees_usd leaves that part out
--   closed_qty: closed quantity as given, its absolute value [base units]
--   notional_usd: closed quantity, else |before - after|, times avg_fill_price; null when unknown or 0
--   return_frac: realised PnL / notional [1]
--   avg_fill_price: average fill price of the closing order [quote/base]
--   slippage_bps: slippage of the attempt, positive is cost
--   regime_tags: tags from the router metric: maker_success or maker_attempt, fallback, slip_*, policy_*, bias_*
create macro trades_since(since) as table
with closes as (
    select
        *,
        case when ends_with(attempt_id, '_reduce') then left(attempt_id, length(attempt_id) - 7) end
            as stripped_attempt_id,
    from seen_order_closes
    where ts > since
),

near_fills as (
    select symbol, order_id, arg_max(avg_price, (ts, ingest_seq)) as avg_price
    from actual_fills
    where ts > since - interval 1 day and order_id in (select order_id from closes)
    group by symbol, order_id
),

old_fills as (
    select symbol, order_id, arg_max(avg_price, (ts, ingest_seq)) as avg_price
    from actual_fills
    where
        ts <= since - interval 1 day
        and order_id in (
            select closes.order_id
            from closes
            anti join near_fills on closes.symbol = near_fills.symbol and closes.order_id = near_fills.order_id
        )
    group by symbol, order_id
),

fills as (
    from near_fills
    union all
    (from old_fills anti join near_fills using (symbol, order_id))
),

attempts as (
    select attempt_id from closes where attempt_id is not null
    union
    select stripped_attempt_id as attempt_id from closes where stripped_attempt_id is not null
),

tagged_metrics as (
    select
        ts,
        ingest_seq,
        attempt_id,
        {
            'is_maker_final': is_maker_final, 'maker_start': maker_start, 'used_fallback': used_fallback,
            'slippage_bps': slippage_bps, 'policy_quality': policy_quality, 'policy_taker_bias': policy_taker_bias
        } as metric,
    from router_metrics
),

near_metrics as (
    select attempt_id, arg_max(metric, (ts, ingest_seq)) as metric
    from tagged_metrics
    where ts > since - interval 1 day and attempt_id in (select attempt_id from attempts)
    group by attempt_id
),

old_metrics as (
    select attempt_id, arg_max(metric, (ts, ingest_seq)) as metric
    from tagged_metrics
    where
        ts <= since - interval 1 day
        and attempt_id in (select attempt_id from attempts anti join near_metrics using (attempt_id))
    group by attempt_id
),

metrics as (
    from near_metrics
    union all
    from old_metrics
),

joined as (
    select
        closes.* exclude (extra),
        coalesce(json_keys(extra, '$.fees_unpriced') <> [], false) as is_fee_unpriced,
        fills.avg_price as avg_fill_price,
        nullif(
            coalesce(abs(closes.closed_qty), abs(closes.position_size_before - closes.position_size_after))
            * fills.avg_price,
            0
        ) as notional_usd,
        coalesce(exact.metric, stripped.metric) as metric,
    from closes
    left join fills on closes.symbol = fills.symbol and closes.order_id = fills.order_id
    left join metrics as exact on closes.attempt_id = exact.attempt_id
    left join metrics as stripped on closes.stripped_attempt_id = stripped.attempt_id
)

select
    ts,
    ingest_seq,
    event_id,
    symbol,
    order_id,
    client_order_id,
    attempt_id,
    position_side,
    strategy,
    realized_pnl_usd,
    fees_usd,
    case when not is_fee_unpriced then realized_pnl_usd - fees_usd end as net_pnl_usd,
    is_fee_unpriced,
    position_size_before,
    position_size_after,
    abs(closed_qty) as closed_qty,
    avg_fill_price,
    notional_usd,
    realized_pnl_usd / notional_usd as return_frac,
    joined.metric.slippage_bps,
    list_filter(
        [
            case when metric.is_maker_final then 'maker_success' when metric.maker_start then 'maker_attempt' end,
            case when metric.used_fallback then 'fallback' end,
            case
                when metric.slippage_bps <= 1 then 'slip_low'
                when metric.slippage_bps <= 5 then 'slip_med'
                when metric.slippage_bps > 5 then 'slip_high'
            end,
            'policy_' || metric.policy_quality,
            'bias_' || metric.policy_taker_bias
        ],
        lambda tag: tag is not null
    ) as regime_tags,
from joined;
