-- Positions and equity that the records of fills, fees, funding and transfers do not explain (execution quality).
-- Grain: one row per finding. See reconciliation_findings.
-- Columns:
--   check_name: what was held against what, e.g. overfilled
--   severity: error: figures are wrong; warning: they may be
--   ref: id of the order, attempt or trade; null: the finding concerns the account
--   found: what the record says
--   expected: what the other records say; null: nothing
--   event_ids: the records to look at, sorted
with held_at as (
    select anchor, newest from position_ticks where newest is not null
),

listed as (
    select
        positions.symbol,
        exact_sum(case when positions.tick_id = held_at.anchor.event_id then positions.qty end) as first_qty,
        exact_sum(case when positions.tick_id = held_at.newest.event_id then positions.qty end) as last_qty,
    from seen_positions as positions
    inner join held_at
        on
            (positions.ts = held_at.anchor.ts and positions.tick_id = held_at.anchor.event_id)
            or (positions.ts = held_at.newest.ts and positions.tick_id = held_at.newest.event_id)
    group by positions.symbol
),

filled as (
    select
        fills.symbol,
        exact_sum(
            case when fills.ts > held_at.anchor.ts and fills.ts <= held_at.newest.ts then fills.sign * fills.qty end
        ) as signed_qty,
        exact_sum(case when fills.ts > held_at.anchor.ts and fills.ts <= held_at.newest.ts then fills.qty end) as qty,
        bool_or(
            abs(epoch_us(fills.ts) - epoch_us(held_at.anchor.ts)) <= 5000000
            or abs(epoch_us(fills.ts) - epoch_us(held_at.newest.ts)) <= 5000000
        ) as is_near,
    from order_executions as fills
    inner join held_at on fills.ts >= held_at.anchor.ts - interval 5 second
    group by fills.symbol
),

held as (
    select
        symbol,
        coalesce(listed.last_qty, 0) as found,
        coalesce(listed.first_qty, 0) + coalesce(filled.signed_qty, 0) as expected,
        coalesce(filled.qty, 0) as traded,
        coalesce(filled.is_near, false) as is_near,
    from listed
    full outer join filled using (symbol)
),

steps as (
    select
        points.before.ts as from_ts,
        points.before.ingest_seq as from_seq,
        points.ts,
        points.ingest_seq,
        points.before.equity_usd,
        points.equity_usd - points.before.equity_usd as found,
    from account_points as points
    where points.before is not null
),

moved as (
    select
        steps.ts,
        steps.ingest_seq,
        coalesce(exact_sum(flows.realized_usd), 0)
        + coalesce(exact_sum(flows.fees_usd), 0)
        + coalesce(exact_sum(flows.funding_usd), 0)
        + coalesce(exact_sum(flows.transfers_usd), 0) as usd,
    from account_flows as flows
    asof inner join steps on flows.ts <= steps.ts
    where flows.ts > steps.from_ts
    group by steps.ts, steps.ingest_seq
),

explained as (
    select
        steps.ts,
        steps.equity_usd,
        steps.found,
        coalesce(moved.usd, 0) + (ends.unrealized_pnl_usd - starts.unrealized_pnl_usd) as expected,
        [starts.event_id, ends.event_id] as event_ids,
    from steps
    inner join account_ticks as starts on steps.from_ts = starts.ts and steps.from_seq = starts.ingest_seq
    inner join account_ticks as ends on steps.ts = ends.ts and steps.ingest_seq = ends.ingest_seq
    left join moved on steps.ts = moved.ts and steps.ingest_seq = moved.ingest_seq
)

select
    'position_differs' as check_name,
    case when held.is_near then 'warning' else 'error' end as severity,
    held.symbol,
    null as ref,
    held_at.newest.ts,
    held.found,
    held.expected,
    [held_at.anchor.event_id, held_at.newest.event_id] as event_ids,
from held
cross join held_at
where abs(held.found - held.expected) > 1e-9 * greatest(1, abs(held.found), abs(held.expected), held.traded)
union all
select
    'unexplained_equity' as check_name,
    case when abs(found - expected) > greatest(10, 0.01e0 * equity_usd) then 'error' else 'warning' end as severity,
    null as symbol,
    null as ref,
    ts,
    found,
    expected,
    event_ids,
from explained
where abs(found - expected) > greatest(1, 0.001e0 * equity_usd)
