-- What became of each order attempt of the last 37 days, before prices are looked for (execution quality).
-- Grain: one row per attempt; without a side or a quantity, and with nothing but dry runs, it is left out.
-- Columns:
--   target_qty: quantity the venue was asked for first, else that of the attempt [base units]
--   executed_qty: quantity filled by all orders [base units]
--   executed_usd: what it cost or brought
--   first_fill_ts: time of the first fill
--   last_fill_ts: time of the last fill
--   end_ts: when the attempt ended; null: it works
--   status: filled, partial, unfilled, rejected, unrecorded (fills are missing) or working
--   is_ended: it has costs: filled, partial, unfilled or rejected
--   is_full: all of the target was filled
--   is_nothing_missed: full, or a reducing order that expired because nothing was left to reduce
--   kind: prices that are compared: mid or mark; null: the price at decision is not known
--   decision_price: price of that kind at decision [quote/base]
--   ack_ref_price: price of that kind that the acknowledgement tells [quote/base]
--   end_ref_price: price of that kind that the metric tells of the end [quote/base]
--   ack_ts: time of its earliest acknowledgement; null: none
--   metric_ts: time of its latest metric; null: none
--   metric_status: status that this metric tells
--   error_ts: time of its earliest error; null: none
with acks as (
    select
        attempt_id,
        bool_and(is_dry) as is_dry,
        arg_min(
            { 'ts': ts, 'request_qty': request_qty, 'mid_price': mid_price, 'mark_price': mark_price },
            (ts, ingest_seq)
        ) filter (where not is_dry) as ack,
    from acks_37d
    where attempt_id is not null
    group by attempt_id
),

errors as (
    select attempt_id, min(ts) as ts from errors_37d where attempt_id is not null group by attempt_id
),

filled as (
    select
        attempt_id,
        exact_sum(executed_qty) as executed_qty,
        exact_sum(cash_usd) as executed_usd,
        min(first_fill_ts) as first_fill_ts,
        max(ts) as last_fill_ts,
        case when count(maker_qty) = count(*) then exact_sum(maker_qty) end as maker_qty,
    from filled_orders
    where attempt_id is not null
    group by attempt_id
),

joined as (
    select
        attempts.attempt_id,
        attempts.event_id,
        attempts.ts,
        attempts.ingest_seq,
        attempts.symbol,
        attempts.sign,
        attempts.strategy,
        attempts.price_hint,
        attempts.is_in_7d,
        coalesce(attempts.reduce_only, false) as reduce_only,
        coalesce(acks.ack.request_qty, attempts.qty) as target_qty,
        coalesce(filled.executed_qty, 0) as executed_qty,
        coalesce(filled.executed_usd, 0) as executed_usd,
        filled.first_fill_ts,
        filled.last_fill_ts,
        filled.maker_qty,
        acks.ack.ts as ack_ts,
        acks.ack.mid_price as ack_mid_price,
        acks.ack.mark_price as ack_mark_price,
        metrics.ts as metric_ts,
        metrics.status as metric_status,
        metrics.route,
        metrics.is_maker_final,
        metrics.end_mid_price,
        metrics.end_mark_price,
        errors.ts as error_ts,
        attempts.mid_price,
        coalesce(attempts.mark_price, metrics.mark_price) as mark_price,
        coalesce(filled.executed_qty, 0) >= coalesce(acks.ack.request_qty, attempts.qty) * (1 - 1e-9) as is_full,
    from attempts_37d as attempts
    left join acks on attempts.attempt_id = acks.attempt_id
    left join metrics_37d as metrics on attempts.attempt_id = metrics.attempt_id
    left join errors on attempts.attempt_id = errors.attempt_id
    left join filled on attempts.attempt_id = filled.attempt_id
    where attempts.sign is not null and attempts.qty is not null and not coalesce(acks.is_dry, false)
),

ended as (
    select
        *,
        case
            when metric_ts is not null and coalesce(metric_status not in ('NEW', 'PARTIALLY_FILLED'), true)
                then metric_ts
            when is_full then last_fill_ts
            when ack_ts is null then error_ts
        end as end_ts,
        case when mid_price is not null then 'mid' when mark_price is not null then 'mark' end as kind,
    from joined
)

select
    * exclude (ack_mid_price, ack_mark_price, end_mid_price, end_mark_price, mid_price, mark_price),
    case
        when end_ts is null then 'working'
        when is_full then 'filled'
        when executed_qty > 0 then 'partial'
        when metric_status = 'FILLED' then 'unrecorded'
        when error_ts is not null and ack_ts is null then 'rejected'
        else 'unfilled'
    end as status,
    status in ('filled', 'partial', 'unfilled', 'rejected') as is_ended,
    is_full or (reduce_only and coalesce(metric_status = 'EXPIRED', false)) as is_nothing_missed,
    case when kind = 'mid' then mid_price else mark_price end as decision_price,
    case when kind = 'mid' then ack_mid_price when kind = 'mark' then ack_mark_price end as ack_ref_price,
    case when kind = 'mid' then end_mid_price when kind = 'mark' then end_mark_price end as end_ref_price,
from ended
