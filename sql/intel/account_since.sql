-- The account between its tick at an instant and its newest tick. Grain: one row. USD, per cent.
-- `apart`: processes whose events are left out, `host:pid`. The first tick is the latest at or before the instant, else
-- the first after it. Events after the first tick and up to the second count:
-- change = realized - fees + funding + transfers + rest, and rest = unrealized_change + unexplained.
-- Reads ticks, positions, order_closes, order_fills, funding_payments, transfers.
-- Null: a tick or an input is missing.
-- Columns:
--   ticks: ticks after the instant [1]
--   start_ts: event time of the first tick
--   start_equity_usd: equity of the first tick
--   end_ts: event time of the newest tick; null: no tick after the first
--   end_equity_usd: equity of the newest tick
--   change_usd: equity at the end less equity at the start
--   closes: trades closed between the two ticks [1]
--   realized_usd: realised PnL between the two ticks
--   fees_usd: priced fees of the orders filled between the two ticks
--   unpriced_fees: orders with a fee without a known price; fees_usd leaves them out [1]
--   funding_usd: funding between the two ticks, negative is paid
--   transfers_usd: deposits less withdrawals between the two ticks, one transfer_id once
--   rest_usd: change that realised PnL, fees, funding and transfers do not explain
--   unrealized_change_usd: change of the unrealised PnL; null: it is unknown at one of the ticks
--   unexplained_usd: the rest less the unrealised change: changes that were not recorded
--   drawdown_pct: worst fall of the equity from its highest value so far, in per cent of that value
--   drawdown_usd: the same fall in USD
--   peak_ts: the last time of that highest value before the fall
--   peak_equity_usd: equity that it fell from
--   trough_ts: when the fall was deepest
--   trough_equity_usd: equity that it fell to
--   recovered_ts: when the equity was back at that highest value; null: it was not
create macro account_since(since, apart) as table
with account_ticks as (
    select
        ts,
        ingest_seq,
        event_id,
        equity_usd,
        unrealized_pnl_usd,
        position_count,
    from seen_ticks
    where equity_usd > 0 and not is_apart(apart, hostname, pid)
),

start_at as (
    select
        coalesce(
            (select max(ts) from account_ticks where ts <= since), (select min(ts) from account_ticks where ts > since)
        ) as ts
),

end_at as (
    select max(ts) as ts from account_ticks where ts > since and ts > (select start_at.ts from start_at)
),

start_tick as (
    select * from account_ticks
    where ts = (select start_at.ts from start_at)
    qualify row_number() over (order by ingest_seq desc) = 1
),

end_tick as (
    select * from account_ticks
    where ts = (select end_at.ts from end_at)
    qualify row_number() over (order by ingest_seq desc) = 1
),

listed as (
    select
        tick_id,
        count(*) as positions,
        sum(
            coalesce(
                unrealized_pnl_usd,
                case upper(side) when 'SHORT' then -abs(qty) when 'LONG' then abs(qty) else qty end
                * (mark_price - entry_price)
            ) order by symbol, side, ingest_seq
        ) as pnl_usd,
        count(coalesce(unrealized_pnl_usd, mark_price - entry_price)) as known,
    from seen_positions
    where
        ts in ((select start_at.ts from start_at), (select end_at.ts from end_at))
        and (tick_id in (select event_id from start_tick) or tick_id in (select event_id from end_tick))
    group by tick_id
),

unrealized as (
    select
        ticks.event_id,
        coalesce(
            ticks.unrealized_pnl_usd,
            case
                when ticks.position_count = 0 then 0
                when listed.positions = ticks.position_count and listed.known = listed.positions then listed.pnl_usd
            end
        ) as pnl_usd,
    from (
        select * from start_tick
        union all
        select * from end_tick
    ) as ticks
    left join listed on ticks.event_id = listed.tick_id
),

span_ticks as (
    select *
    from account_ticks
    where ts >= (select start_at.ts from start_at) and ts <= (select end_at.ts from end_at)
),

worst as (
    select *
    from falls_since((select start_at.ts from start_at), apart)
    where minute <= (select end_at.ts from end_at)
    order by fall_pct desc, trough_ts
    limit 1
),

closed as (
    select
        count(*) as closes,
        coalesce(sum(realized_pnl_usd order by ts, ingest_seq), 0) as pnl_usd,
    from seen_order_closes
    where
        ts > (select start_at.ts from start_at)
        and ts <= (select end_at.ts from end_at)
        and not is_apart(apart, hostname, pid)
),

paid as (
    select
        coalesce(sum(fee_usd order by ts, ingest_seq), 0) as fees_usd,
        count(*) filter (where fee_usd is null) as unpriced,
    from filled_orders_since((select start_at.ts from start_at))
    where ts <= (select end_at.ts from end_at) and not list_contains(apart, process)
),

funded as (
    select coalesce(sum(amount_usd order by ts, ingest_seq), 0) as amount_usd
    from seen_funding_payments
    where
        ts > (select start_at.ts from start_at)
        and ts <= (select end_at.ts from end_at)
        and not is_apart(apart, hostname, pid)
),

moved as (
    select coalesce(sum(amount_usd order by ts, ingest_seq), 0) as amount_usd
    from (
        select * from seen_transfers
        where not is_apart(apart, hostname, pid)
        qualify row_number() over (partition by coalesce(transfer_id, event_id) order by ts, ingest_seq) = 1
    ) as transfers
    where ts > (select start_at.ts from start_at) and ts <= (select end_at.ts from end_at)
),

together as (
    select
        (select count(*) from account_ticks where ts > since) as ticks,
        start_tick.ts as start_ts,
        start_tick.equity_usd as start_equity_usd,
        end_tick.ts as end_ts,
        end_tick.equity_usd as end_equity_usd,
        end_tick.equity_usd - start_tick.equity_usd as change_usd,
        case when end_tick.ts is not null then closed.closes end as closes,
        case when end_tick.ts is not null then closed.pnl_usd end as realized_usd,
        case when end_tick.ts is not null then paid.fees_usd end as fees_usd,
        case when end_tick.ts is not null then paid.unpriced end as unpriced_fees,
        case when end_tick.ts is not null then funded.amount_usd end as funding_usd,
        case when end_tick.ts is not null then moved.amount_usd end as transfers_usd,
        ends.pnl_usd - starts.pnl_usd as unrealized_change_usd,
    from closed
    cross join paid
    cross join funded
    cross join moved
    left join start_tick on true
    left join end_tick on true
    left join unrealized as starts on start_tick.event_id = starts.event_id
    left join unrealized as ends on end_tick.event_id = ends.event_id
),

summed as (
    select
        *,
        change_usd - (realized_usd - fees_usd + funding_usd + transfers_usd) as rest_usd,
    from together
)

select
    summed.ticks,
    summed.start_ts,
    summed.start_equity_usd,
    summed.end_ts,
    summed.end_equity_usd,
    summed.change_usd,
    summed.closes,
    summed.realized_usd,
    summed.fees_usd,
    summed.unpriced_fees,
    summed.funding_usd,
    summed.transfers_usd,
    summed.rest_usd,
    summed.unrealized_change_usd,
    summed.rest_usd - summed.unrealized_change_usd as unexplained_usd,
    worst.fall_pct as drawdown_pct,
    worst.peak_usd - worst.trough_usd as drawdown_usd,
    (select max(ts) from span_ticks where ts <= worst.trough_ts and equity_usd = worst.peak_usd) as peak_ts,
    worst.peak_usd as peak_equity_usd,
    worst.trough_ts,
    worst.trough_usd as trough_equity_usd,
    (select min(ts) from span_ticks where ts > worst.trough_ts and equity_usd >= worst.peak_usd) as recovered_ts,
from summed
left join worst on true;
