-- What an interval of a mean says: gains, loses, or not sure where it holds 0; too few where there is no interval.
create macro verdict_of(low, high) as
case when low > 0 then 'gains' when high < 0 then 'loses' when low <= high then 'not sure' else 'too few' end;
