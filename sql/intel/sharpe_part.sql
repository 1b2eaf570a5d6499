-- The Sharpe part of the size factor (semantics 9): -1 at <= -1, +1 at >= 2, else half the ratio; unknown is 0.
create macro sharpe_part(sharpe) as
case when sharpe <= -1 then -1.0 when sharpe >= 2 then 1.0 else coalesce(sharpe, 0) / 2 end;
