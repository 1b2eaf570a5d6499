-- The verdict of an interval of a mean: gains, loses, or not sure if it holds 0; too few without an interval.
create macro verdict_of(low, high) as
case when low > 0 then 'gains' when high < 0 then 'loses' when low <= high then 'not sure' else 'too few' end;
