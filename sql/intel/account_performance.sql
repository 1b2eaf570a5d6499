-- The account over 1, 7 and 30 days: where the change of NAV came from, and what a unit of it did. USD, per cent.
-- Grain: one row per window; all but days and is_partial is null where no tick follows the first one in the window.
-- Columns:
--   from_ts: event time of the tick it starts with
--   to_ts: event time of the latest tick
--   start_equity_usd: equity of the tick it starts with
--   end_equity_usd: equity of the latest tick
--   nav_change_usd: end less start
--   unrealized_change_usd: unrealised PnL at the end less at the start; null: not known
--   unpriced_fees: orders whose fees are not known; left out [1]
--   explained_usd: realised, unrealised, fees, funding and transfers together
--   unexplained_usd: what they leave of the change: a record that is missing or wrong
--   unexplained_bps: the same in bps of the start's equity
--   execution_cost_usd: execution cost of the attempts decided in the window, as far as known; part of the others
--   twr_pct: time-weighted return: what a unit gained
--   unit_drawdown_pct: how far the unit is below its peak
--   unit_max_drawdown_pct: how far it was at the worst
--   sharpe: hourly Sharpe ratio and how sure it is, of 30 days; null for the shorter windows
with moved as (
    select
        spans.days,
        coalesce(exact_sum(flows.realized_usd), 0) as realized_usd,
        coalesce(exact_sum(flows.fees_usd), 0) as fees_usd,
        count(*) filter (where flows.is_fee and flows.fees_usd is null) as unpriced_fees,
        coalesce(exact_sum(flows.funding_usd), 0) as funding_usd,
        coalesce(exact_sum(flows.transfers_usd), 0) as transfers_usd,
        coalesce(exact_sum(flows.execution_cost_usd), 0) as execution_cost_usd,
    from account_spans as spans
    left join account_flows as flows on spans.first.ts < flows.ts and spans.latest.ts >= flows.ts
    group by spans.days
),

units as (
    select
        days,
        100 * (arg_max(unit, (ts, ingest_seq)) - 1) as twr_pct,
        100 * arg_max((peak - unit) / peak, (ts, ingest_seq)) as unit_drawdown_pct,
        100 * max((peak - unit) / peak) as unit_max_drawdown_pct,
    from account_units
    group by days
),

known as (
    select
        spans.days,
        spans.is_partial,
        spans.first.ts as from_ts,
        spans.latest.ts as to_ts,
        spans.first.equity_usd as start_equity_usd,
        spans.latest.equity_usd as end_equity_usd,
        spans.latest.equity_usd - spans.first.equity_usd as nav_change_usd,
        ends.unrealized_pnl_usd - starts.unrealized_pnl_usd as unrealized_change_usd,
        moved.* exclude (days),
        units.twr_pct,
        units.unit_drawdown_pct,
        units.unit_max_drawdown_pct,
        case
            when spans.days = 30
                then
                    {
                        'state': sharpe.state,
                        'hours': sharpe.hours,
                        'mean': sharpe.mean,
                        'std': sharpe.std,
                        'sharpe_hourly': sharpe.sharpe_hourly,
                        'psr': sharpe.psr,
                        'min_hours': sharpe.min_hours
                    }
        end as sharpe,
        moved.realized_usd + moved.fees_usd + moved.funding_usd + moved.transfers_usd
        + (ends.unrealized_pnl_usd - starts.unrealized_pnl_usd) as explained_usd,
    from account_spans as spans
    inner join moved on spans.days = moved.days
    inner join units on spans.days = units.days
    left join account_ticks as starts
        on spans.first.ts = starts.ts and spans.first.ingest_seq = starts.ingest_seq
    left join account_ticks as ends
        on spans.latest.ts = ends.ts and spans.latest.ingest_seq = ends.ingest_seq
    cross join account_sharpe as sharpe
    where spans.first is not null
)

select
    spans.days,
    spans.is_partial,
    known.from_ts,
    known.to_ts,
    known.start_equity_usd,
    known.end_equity_usd,
    known.nav_change_usd,
    known.realized_usd,
    known.unrealized_change_usd,
    known.fees_usd,
    known.unpriced_fees,
    known.funding_usd,
    known.transfers_usd,
    known.explained_usd,
    known.nav_change_usd - known.explained_usd as unexplained_usd,
    1e4 * (known.nav_change_usd - known.explained_usd) / known.start_equity_usd as unexplained_bps,
    known.execution_cost_usd,
    known.twr_pct,
    known.unit_drawdown_pct,
    known.unit_max_drawdown_pct,
    known.sharpe,
from account_spans as spans
left join known on spans.days = known.days
order by spans.days
