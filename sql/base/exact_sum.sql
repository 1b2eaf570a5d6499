-- The sum of an aggregate's rows, the same to the last bit in whatever order they come: in whole units of 2^-60.
-- Where one of them is beyond 1e13, which no amount of money is, a plain sum.
create macro exact_sum(x) as
case
    when max(abs(x)) <= 1e13
        then
            cast(sum(case when abs(x) <= 1e13 then cast(x * 1152921504606846976 as hugeint) end) as double)
            / 1152921504606846976
    else sum(x)
end;
