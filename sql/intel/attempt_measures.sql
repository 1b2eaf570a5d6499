-- What cells are summed from: each attempt of the last 7 days with its executions summed up (execution quality).
-- Grain: one row per attempt.
-- Columns:
--   block: ten minutes of the decision, numbered from 1970
--   executions: executions of the attempt [1]
--   spread_notional_usd: notional of the executions whose price of the moment is known
--   n_1: executions with a price after 1 s [1]
--   n_10: executions with a price after 10 s [1]
--   n_60: executions with a price after 60 s [1]
--   n_300: executions with a price after 300 s [1]
--   w_1: notional of those [USD]
--   w_10: notional of those [USD]
--   w_60: notional of those [USD]
--   w_300: notional of those [USD]
--   missing_1: executions without a price of then [1]
--   missing_10: executions without a price of then [1]
--   missing_60: executions without a price of then [1]
--   missing_300: executions without a price of then [1]
--   move_w_1: notional of the executions whose move is known [USD]
--   move_w_10: notional of the executions whose move is known [USD]
--   move_w_60: notional of the executions whose move is known [USD]
--   move_w_300: notional of the executions whose move is known [USD]
--   paid_usd: spread_usd of the executions summed up; null: no price of the moment is known [USD]
with summed as (
    select
        attempt_id,
        count(*) as executions,
        exact_sum(spread_usd) as paid_usd,
        exact_sum(case when spread_usd is not null then notional_usd end) as spread_notional_usd,
        count(markout_usd_1) as n_1,
        count(markout_usd_10) as n_10,
        count(markout_usd_60) as n_60,
        count(markout_usd_300) as n_300,
        exact_sum(markout_usd_1) as markout_usd_1,
        exact_sum(markout_usd_10) as markout_usd_10,
        exact_sum(markout_usd_60) as markout_usd_60,
        exact_sum(markout_usd_300) as markout_usd_300,
        exact_sum(case when markout_usd_1 is not null then notional_usd end) as w_1,
        exact_sum(case when markout_usd_10 is not null then notional_usd end) as w_10,
        exact_sum(case when markout_usd_60 is not null then notional_usd end) as w_60,
        exact_sum(case when markout_usd_300 is not null then notional_usd end) as w_300,
        count(*) filter (where is_missing_1) as missing_1,
        count(*) filter (where is_missing_10) as missing_10,
        count(*) filter (where is_missing_60) as missing_60,
        count(*) filter (where is_missing_300) as missing_300,
        exact_sum(move_usd_1) as move_usd_1,
        exact_sum(move_usd_10) as move_usd_10,
        exact_sum(move_usd_60) as move_usd_60,
        exact_sum(move_usd_300) as move_usd_300,
        exact_sum(case when move_usd_1 is not null then notional_usd end) as move_w_1,
        exact_sum(case when move_usd_10 is not null then notional_usd end) as move_w_10,
        exact_sum(case when move_usd_60 is not null then notional_usd end) as move_w_60,
        exact_sum(case when move_usd_300 is not null then notional_usd end) as move_w_300,
    from executions
    group by attempt_id
)

select
    attempts.*,
    epoch_us(attempts.ts) // 600000000 as block,
    summed.* exclude (attempt_id),
from order_quality as attempts
left join summed on attempts.attempt_id = summed.attempt_id
