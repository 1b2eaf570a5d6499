-- What each order attempt of the last 7 days cost, and why: implementation shortfall (execution quality).
-- Grain: one row per attempt, in the order of time. USD and bps of decision_usd, positive is cost.
-- execution = delay + timing + spread; total = execution + fees + opportunity. A part is null where an input is not
-- known; an attempt that works, or whose fills are missing, has no costs. Perold, The Implementation Shortfall (1988).
-- Columns:
--   side: BUY or SELL
--   decision_usd: target quantity at the price at decision
--   arrival_price: price of the kind when the venue had the order [quote/base]
--   end_price: price of the kind when the attempt ended [quote/base]
--   avg_price: average price of the quantity filled [quote/base]
--   delay_usd: what the market did before the venue had the order
--   timing_usd: what the market did while the order worked
--   spread_usd: paid against the price of the moment, negative is earned
--   execution_usd: delay, timing and spread together
--   opportunity_usd: what the part not filled would have gained
--   fees_usd: fees of all orders of the attempt
--   total_usd: execution, fees and opportunity together
--   is_complete: every part is known
--   ack_ms: decision to acknowledgement; null: unknown, or clocks differ
--   first_fill_ms: decision to first fill; null: unknown, or clocks differ
--   last_fill_ms: decision to last fill; null: unknown, or clocks differ
--   maker_share: share of the quantity filled as maker; null: not known [0..1]
--   size: band of decision_usd, else of the target at the price hint: lt_100, 100_1k, 1k_10k, ge_10k or unknown
--   hour: UTC hour of the decision, 0 to 23
--   route: route of the metric in lower case; unknown: none
--   strategy: strategy that asked; unknown: none
--   delay_bps: delay_usd as a share of decision_usd [bps]
--   timing_bps: timing_usd as a share of decision_usd [bps]
--   spread_bps: spread_usd as a share of decision_usd [bps]
--   execution_bps: execution_usd as a share of decision_usd [bps]
--   opportunity_bps: opportunity_usd as a share of decision_usd [bps]
--   fees_bps: fees_usd as a share of decision_usd [bps]
--   total_bps: total_usd as a share of decision_usd [bps]
with prices as (
    from looked_up_prices
),

fees as (
    select
        attempt_id,
        case when count(fee_usd) = count(*) then exact_sum(fee_usd) end as fees_usd,
    from order_fees
    where attempt_id is not null
    group by attempt_id
),

met as (
    select
        attempt_id,
        case when count(attempt_ref_price) = count(*) then exact_sum(qty * attempt_ref_price) end as at_the_moment_usd,
        case
            when count(attempt_ref_price) = count(*) then exact_sum(qty * (price - attempt_ref_price))
        end as paid_usd,
    from executions
    group by attempt_id
),

known as (
    select
        attempts.*,
        coalesce(attempts.ack_ref_price, arrivals.price) as arrival_price,
        coalesce(attempts.end_ref_price, ends.price) as end_price,
        met.at_the_moment_usd,
        met.paid_usd,
        fees.fees_usd as orders_fees_usd,
        attempts.executed_qty > 0 as is_executed,
        attempts.target_qty * attempts.decision_price as decision_usd,
    from attempt_outcomes as attempts
    left join prices as arrivals
        on
            attempts.ack_ref_price is null
            and attempts.symbol = arrivals.symbol
            and attempts.kind = arrivals.kind
            and attempts.ack_ts = arrivals.at_ts
            and arrivals.within_s = 2
    left join prices as ends
        on
            attempts.end_ref_price is null
            and attempts.symbol = ends.symbol
            and attempts.kind = ends.kind
            and attempts.end_ts = ends.at_ts
            and ends.within_s = 5
    left join met on attempts.attempt_id = met.attempt_id
    left join fees on attempts.attempt_id = fees.attempt_id
    where attempts.is_in_7d
),

costs as (
    select
        *,
        case
            when not is_executed then 0 else sign * executed_qty * (arrival_price - decision_price)
        end as delay_usd,
        case
            when not is_executed then 0 else sign * (at_the_moment_usd - executed_qty * arrival_price)
        end as timing_usd,
        case when not is_executed then 0 else sign * paid_usd end as spread_usd,
        case
            when not is_executed then 0 else sign * (executed_usd - executed_qty * decision_price)
        end as execution_usd,
        case
            when is_nothing_missed then 0 else sign * (target_qty - executed_qty) * (end_price - decision_price)
        end as opportunity_usd,
        case when not is_executed then 0 else orders_fees_usd end as fees_usd,
    from known
),

totals as (
    select
        * exclude (delay_usd, timing_usd, spread_usd, execution_usd, opportunity_usd, fees_usd),
        case when is_ended then delay_usd end as delay_usd,
        case when is_ended then timing_usd end as timing_usd,
        case when is_ended then spread_usd end as spread_usd,
        case when is_ended then execution_usd end as execution_usd,
        case when is_ended then opportunity_usd end as opportunity_usd,
        case when is_ended then fees_usd end as fees_usd,
        case
            when is_ended and decision_price is not null then execution_usd + fees_usd + opportunity_usd
        end as total_usd,
        positive(coalesce(decision_usd, target_qty * positive(price_hint))) as size_usd,
    from costs
)

select
    totals.attempt_id,
    totals.ts,
    totals.ingest_seq,
    totals.event_id,
    totals.symbol,
    case when totals.sign > 0 then 'BUY' else 'SELL' end as side,
    totals.status,
    totals.is_ended,
    totals.kind,
    totals.target_qty,
    totals.executed_qty,
    totals.executed_usd,
    totals.decision_price,
    totals.decision_usd,
    totals.arrival_price,
    totals.end_price,
    totals.executed_usd / nullif(totals.executed_qty, 0) as avg_price,
    totals.end_ts,
    totals.delay_usd,
    totals.timing_usd,
    totals.spread_usd,
    totals.execution_usd,
    totals.opportunity_usd,
    totals.fees_usd,
    totals.total_usd,
    1e4 * totals.delay_usd / totals.decision_usd as delay_bps,
    1e4 * totals.timing_usd / totals.decision_usd as timing_bps,
    1e4 * totals.spread_usd / totals.decision_usd as spread_bps,
    1e4 * totals.execution_usd / totals.decision_usd as execution_bps,
    1e4 * totals.opportunity_usd / totals.decision_usd as opportunity_bps,
    1e4 * totals.fees_usd / totals.decision_usd as fees_bps,
    1e4 * totals.total_usd / totals.decision_usd as total_bps,
    totals.total_usd is not null
    and totals.delay_usd is not null
    and totals.timing_usd is not null
    and totals.spread_usd is not null as is_complete,
    elapsed_ms(totals.ts, totals.ack_ts) as ack_ms,
    elapsed_ms(totals.ts, totals.first_fill_ts) as first_fill_ms,
    elapsed_ms(totals.ts, totals.last_fill_ts) as last_fill_ms,
    case
        when totals.executed_qty > 0 and totals.maker_qty is not null then totals.maker_qty / totals.executed_qty
        when totals.executed_qty > 0 and totals.is_maker_final then 1
        when totals.executed_qty > 0 and not totals.is_maker_final and totals.route in ('taker', 'market') then 0
    end as maker_share,
    cast(hour(totals.ts at time zone 'UTC') as varchar) as hour,
    case
        when totals.size_usd < 100 then 'lt_100'
        when totals.size_usd < 1000 then '100_1k'
        when totals.size_usd < 10000 then '1k_10k'
        when totals.size_usd >= 10000 then 'ge_10k'
        else 'unknown'
    end as size,
    coalesce(totals.route, 'unknown') as route,
    coalesce(regimes.regime, 'unknown') as regime,
    coalesce(totals.strategy, 'unknown') as strategy,
from totals
left join attempt_regimes as regimes on totals.attempt_id = regimes.attempt_id
order by totals.ts, totals.ingest_seq
