-- The usual cost of trading as it was known at the end of each block in which the candidate decided.
-- Grain: one row per block and symbol of a decision. See usual_costs, here with the rows up to the end of the block and
-- the 7 days that end there: an old block is never valued anew.
-- An attempt changes its value with every row of its own, and leaves the window after 7 days. So its changes are summed
-- in the order of time instead of judging all attempts again for each block.
-- Columns:
--   usual_cost_bps: execution and fees over what was filled; null: not known
with asked as (
    select distinct block, block_end, symbol from shadow_pairs where live is not null
),

span as (
    select min(block_end) - interval 7 day as first_ts from asked
),

attempts as (
    select *
    from attempts_37d
    where ts > (select span.first_ts from span) and sign is not null and qty is not null
),

acks as (
    select
        attempt_id,
        min(ts) as first_ts,
        min(ts) filter (where not is_dry) as ts,
        arg_min(coalesce(request_qty, 0), (ts, ingest_seq)) filter (where not is_dry) as request_qty,
    from acks_37d
    where attempt_id in (select attempts.attempt_id from attempts)
    group by attempt_id
),

errors as (
    select attempt_id, min(ts) as ts
    from errors_37d
    where attempt_id in (select attempts.attempt_id from attempts)
    group by attempt_id
),

metrics as (
    select
        attempt_id,
        ts,
        arg_max({ 'status': upper(status), 'mark_price': positive(mark_price) }, ingest_seq) as metric,
    from router_metrics
    where attempt_id in (select attempts.attempt_id from attempts) and ts > (select span.first_ts from span)
    group by attempt_id, ts
),

-- what each record of an order adds to its attempt: the record itself less the one before
acked as (
    select symbol, order_id, arg_min({ 'attempt_id': attempt_id, 'is_dry': is_dry, 'ts': ts }, (ts, ingest_seq)) as ack
    from acks_37d
    group by symbol, order_id
),

stated as (
    select
        coalesce(records.attempt_id, acked.ack.attempt_id) as attempt_id,
        records.ts,
        records.executed_qty as qty,
        records.executed_qty * records.avg_price as cash_usd,
        case when fees.event_id is null then 0 else fees.fee_usd end as fee_usd,
        lead(records.ts) over (
            partition by records.symbol, records.order_id order by records.ts, records.executed_qty, records.ingest_seq
        ) as next_ts,
    from order_records as records
    left join acked on records.symbol = acked.symbol and records.order_id = acked.order_id
    left join record_fees as fees on records.event_id = fees.event_id
    where not coalesce(acked.ack.is_dry, false)
),

added as (
    select attempt_id, ts, qty, cash_usd, coalesce(fee_usd, 0) as fee_usd, cast(fee_usd is null as int) as unpriced
    from stated
    where attempt_id in (select attempts.attempt_id from attempts)
    union all
    select
        attempt_id,
        next_ts as ts,
        -qty as qty,
        -cash_usd as cash_usd,
        -coalesce(fee_usd, 0) as fee_usd,
        -cast(fee_usd is null as int) as unpriced,
    from stated
    where attempt_id in (select attempts.attempt_id from attempts) and next_ts is not null
),

filled as (
    select
        attempt_id,
        ts,
        sum(qty) over so_far as qty,
        sum(cash_usd) over so_far as cash_usd,
        sum(fee_usd) over so_far as fee_usd,
        sum(unpriced) over so_far as unpriced,
    from (
        select
            attempt_id,
            ts,
            exact_sum(qty) as qty,
            exact_sum(cash_usd) as cash_usd,
            exact_sum(fee_usd) as fee_usd,
            sum(unpriced) as unpriced,
        from added
        group by attempt_id, ts
    ) as by_instant
    window so_far as (
        partition by attempt_id order by ts rows between unbounded preceding and current row
    )
),

changes as (
    select attempt_id, ts from filled
    union
    select attempt_id, ts from metrics
    union
    select attempt_id, ts from acks where ts is not null
    union
    select attempt_id, first_ts as ts from acks
    union
    select attempt_id, ts from errors
),

moments as (
    select distinct
        attempts.attempt_id,
        attempts.symbol,
        attempts.sign,
        attempts.qty,
        attempts.ts as attempt_ts,
        attempts.mid_price,
        attempts.mark_price,
        greatest(changes.ts, attempts.ts) as ts,
    from attempts
    inner join changes on attempts.attempt_id = changes.attempt_id
    where changes.ts < attempts.ts + interval 7 day
),

with_fills as (
    select
        moments.*,
        filled.qty as executed_qty,
        filled.cash_usd,
        filled.fee_usd,
        filled.unpriced,
    from moments
    asof left join filled on moments.attempt_id = filled.attempt_id and moments.ts >= filled.ts
),

with_metrics as (
    select
        with_fills.*,
        metrics.metric,
        metrics.ts as metric_ts,
    from with_fills
    asof left join metrics on with_fills.attempt_id = metrics.attempt_id and with_fills.ts >= metrics.ts
),

known as (
    select
        found.*,
        coalesce(found.mid_price, found.mark_price, found.metric.mark_price) as decision_price,
        acks.ts <= found.ts as is_acked,
        coalesce(acks.first_ts <= found.ts and (acks.ts is null or acks.ts > found.ts), false) as is_dry,
        coalesce(case when acks.ts <= found.ts then positive(acks.request_qty) end, found.qty) as target_qty,
        coalesce(errors.ts <= found.ts, false) as is_refused,
    from with_metrics as found
    left join acks on found.attempt_id = acks.attempt_id
    left join errors on found.attempt_id = errors.attempt_id
),

valued as (
    select
        *,
        coalesce(
            executed_qty > 0
            and unpriced = 0
            and decision_price is not null
            and not is_dry
            and (
                executed_qty >= target_qty * (1 - 1e-9)
                or (
                    metric_ts is not null
                    and metric.status is distinct from 'NEW'
                    and metric.status is distinct from 'PARTIALLY_FILLED'
                )
                or (is_refused and not coalesce(is_acked, false))
            ),
            false
        ) as is_known,
    from known
),

stepped as (
    select
        attempt_id,
        attempt_ts,
        symbol,
        ts,
        case when is_known then 1 else 0 end as n,
        case when is_known then cash_usd else 0 end as cash_usd,
        case when is_known then sign * (cash_usd - executed_qty * decision_price) + fee_usd else 0 end as cost_usd,
    from valued
),

deltas as (
    select
        symbol,
        ts,
        n - lag(n, 1, 0) over of_attempt as n,
        cash_usd - lag(cash_usd, 1, 0) over of_attempt as cash_usd,
        cost_usd - lag(cost_usd, 1, 0) over of_attempt as cost_usd,
    from stepped
    window of_attempt as (partition by attempt_id order by ts)
    union all
    -- an attempt leaves the window with the value that it has by then
    select
        any_value(symbol) as symbol,
        any_value(attempt_ts) + interval 7 day as ts,
        -arg_max(n, ts) as n,
        -arg_max(cash_usd, ts) as cash_usd,
        -arg_max(cost_usd, ts) as cost_usd,
    from stepped
    group by attempt_id
),

by_symbol as (
    select
        symbol,
        ts,
        sum(n) as n,
        exact_sum(cash_usd) as cash_usd,
        exact_sum(cost_usd) as cost_usd,
    from (
        select symbol, ts, n, cash_usd, cost_usd from deltas
        union all
        select '' as symbol, ts, n, cash_usd, cost_usd from deltas
    ) as every
    group by symbol, ts
),

cumulated as (
    select
        symbol,
        ts,
        sum(n) over so_far as n,
        cast(sum(cast(cash_usd * 1152921504606846976 as hugeint)) over so_far as double) as cash,
        cast(sum(cast(cost_usd * 1152921504606846976 as hugeint)) over so_far as double) as cost,
    from by_symbol
    window so_far as (
        partition by symbol order by ts rows between unbounded preceding and current row
    )
),

own as (
    select
        asked.block,
        asked.symbol,
        case when cumulated.n >= 20 then 1e4 * cumulated.cost / nullif(cumulated.cash, 0) end as cost_bps,
    from asked
    asof left join cumulated on asked.symbol = cumulated.symbol and asked.block_end >= cumulated.ts
),

every as (
    select
        asked.block,
        asked.symbol,
        case when cumulated.n >= 20 then 1e4 * cumulated.cost / nullif(cumulated.cash, 0) end as cost_bps,
    from (select *, '' as no_symbol from asked) as asked
    asof left join cumulated on asked.no_symbol = cumulated.symbol and asked.block_end >= cumulated.ts
)

select
    own.block,
    own.symbol,
    coalesce(own.cost_bps, every.cost_bps) as usual_cost_bps,
from own
inner join every on own.block = every.block and own.symbol = every.symbol
