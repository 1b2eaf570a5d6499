-- The two-sided 95 % quantile of Student's t with v degrees of freedom: half the width of an interval in standard
-- errors. Wallace's approximation with the normal quantile 1.959963984540054: 0.01 % off for v = 19, 4 % for v = 2.
-- Null for v < 1.
create macro student_t(v) as
case
    when v >= 1
        then sqrt(v * (exp(pow(cast(1.959963984540054 as double) * (8 * v + 3) / (8 * v + 1), 2) / v) - 1))
end;
