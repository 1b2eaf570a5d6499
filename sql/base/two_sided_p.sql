-- How often chance alone would be as far from 0 as value, where v + 1 observations give it the standard error se.
-- Null where nothing varies. Wallace's approximation of Student's t, as in student_t.
create macro two_sided_p(value, se, v) as
case
    when se > 1e-9 * abs(value)
        then 2 * (1 - normal_cdf(sqrt(v * ln(1 + pow(value / se, 2) / v)) * (8 * v + 1) / (8 * v + 3)))
end;
