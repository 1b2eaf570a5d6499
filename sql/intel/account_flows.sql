-- What moved the account in the last 37 days: realised PnL, fees, funding and transfers. Grain: one row per record.
-- Columns:
--   realized_usd: realised PnL of a close
--   fees_usd: fees of an order at its last fill, as they move the account: negative is paid; null: not known
--   is_fee: it is the fee of an order
--   funding_usd: funding, negative is paid
--   transfers_usd: what came into the account, negative is taken out
--   execution_cost_usd: execution cost of an attempt at its decision; it is part of the other figures
select
    ts,
    realized_pnl_usd as realized_usd,
    cast(null as double) as fees_usd,
    false as is_fee,
    cast(null as double) as funding_usd,
    cast(null as double) as transfers_usd,
    cast(null as double) as execution_cost_usd,
from closes_37d
union all
select
    ts,
    null as realized_usd,
    -fee_usd as fees_usd,
    true as is_fee,
    null as funding_usd,
    null as transfers_usd,
    null as execution_cost_usd,
from order_fees
union all
select
    ts,
    null as realized_usd,
    null as fees_usd,
    false as is_fee,
    amount_usd as funding_usd,
    null as transfers_usd,
    null as execution_cost_usd,
from funding_37d
union all
select
    ts,
    null as realized_usd,
    null as fees_usd,
    false as is_fee,
    null as funding_usd,
    amount_usd as transfers_usd,
    null as execution_cost_usd,
from transfers_37d
union all
select
    ts,
    null as realized_usd,
    null as fees_usd,
    false as is_fee,
    null as funding_usd,
    null as transfers_usd,
    sign * (executed_usd - executed_qty * decision_price) as execution_cost_usd,
from attempt_outcomes
where is_ended
