-- Coverage of the inputs after an instant: how many rows have an input, of how many that could have it. Grain: one row
-- per input.
-- NAVs are those of attempts whose process recorded no tick.
-- `apart`: processes whose events are left out, `host:pid`.
-- Columns:
--   input: name of the input
--   known: rows, or symbols, that have it [1]
--   rows: rows, or symbols, that could have it [1]
create macro inputs_since(since, apart) as table
with told_ticks as (
    select * from seen_ticks where ts > since and not is_apart(apart, hostname, pid)
),

attempts as (
    select * from seen_order_attempts where ts > since and not is_apart(apart, hostname, pid)
),

metrics as (
    select * from router_metrics where ts > since and not is_apart(apart, hostname, pid)
),

orders as (
    select * from filled_orders_since(since) where not list_contains(apart, process)
),

closes as (
    select * from seen_order_closes where ts > since and not is_apart(apart, hostname, pid)
),

refused as (
    select * from seen_vetoes where ts > since and not is_apart(apart, hostname, pid)
),

traded as (
    select symbol from attempts
    union
    select symbol from orders
    union
    select symbol from closes
)

select
    'equity' as input,
    count(*) filter (where equity_usd > 0) as known,
    count(*) as rows,
from told_ticks
union all
select
    'unrealized_pnl' as input,
    count(coalesce(unrealized_pnl_usd, case when position_count = 0 then 0 end)) as known,
    count(*) as rows,
from told_ticks
union all
select
    'positions' as input,
    count(position_count) as known,
    count(*) as rows,
from told_ticks
union all
select
    'marks' as input,
    count(*) filter (where symbol in (select symbol from seen_marks where ts > since)) as known,
    count(*) as rows,
from traded
union all
select
    'fees' as input,
    count(fee_usd) as known,
    count(*) as rows,
from orders
union all
select
    'fills_of_closes' as input,
    count(*) filter (
        where
        (symbol, order_id) in (
            select (symbol, order_id) from actual_fills where ts > since - interval 1 day
        )
    ) as known,
    count(*) as rows,
from closes
union all
select
    'funding' as input,
    count(*) filter (where symbol in (select symbol from seen_funding_payments where ts > since)) as known,
    count(*) as rows,
from traded
union all
select
    'slippage' as input,
    count(slippage_bps) as known,
    count(*) as rows,
from metrics
union all
select
    'maker_flags' as input,
    count(is_maker_final) as known,
    count(*) as rows,
from metrics
union all
select
    'ack_latency' as input,
    count(ack_latency_ms) as known,
    count(*) as rows,
from metrics
union all
select
    'nav_of_attempts' as input,
    count(*) filter (where json_number(nav_snapshot, '$.nav_usd') > 0) as known,
    count(*) as rows,
from attempts
where process_of(hostname, pid) not in (
        select process_of(ticking.hostname, ticking.pid)
        from (select distinct hostname, pid from told_ticks) as ticking
    )
union all
select
    'attempt_of_fills' as input,
    count(attempt_id) as known,
    count(*) as rows,
from orders
union all
select
    'vetoed_quantity' as input,
    count(*) filter (
        where
        side is not null
        and coalesce(
            qty_req,
            json_number(veto_detail, '$.intent.qty'),
            json_number(veto_detail, '$.intent.gross_usd') / nullif(json_number(veto_detail, '$.intent.price'), 0)
        ) > 0
    ) as known,
    count(*) as rows,
from refused;
