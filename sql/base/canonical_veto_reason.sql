-- The canonical name of a veto reason (semantics 14); others unchanged.
create macro canonical_veto_reason(reason) as
case
    when reason = 'kill_switch_triggered' then 'kill_switch'
    when reason = 'below_min_notional' then 'min_notional'
    when reason = 'exceeds_per_trade_cap' then 'per_trade_cap'
    when reason in ('exceeds_leverage_cap', 'leverage_exceeded') then 'leverage_cap'
    when reason = 'exceeds_open_notional_cap' then 'open_notional_cap'
    when reason = 'too_many_positions' then 'position_limit'
    when reason in ('daily_loss_limit', 'day_loss_limit') then 'daily_loss'
    when reason in ('trade_gt_max_trade_nav_pct', 'trade_gt_10pct_equity', 'trade_gt_equity_cap') then 'max_trade_nav'
    when reason = 'max_gross_nav_pct' then 'portfolio_cap'
    when reason = 'not_whitelisted' then 'whitelist'
    else reason
end;
