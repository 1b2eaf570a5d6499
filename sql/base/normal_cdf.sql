-- The share of the normal distribution below x, to 1e-12; 0 below -8, 1 above 8.
-- The series of Marsaglia, Evaluating the Normal Distribution (2004), of which 200 terms are summed.
create macro normal_cdf(x) as
case
    when x < -8 then 0e0
    when x > 8 then 1e0
    when x = 0 then 0.5e0
    when x is not null
        then
            clamp(
                0.5e0
                + sign(x) * exp(-x * x / 2) / sqrt(2 * pi())
                * list_sum(
                    list_transform(
                        range(0, 200),
                        lambda k: exp(
                            (2 * k + 1) * ln(abs(nullif(x, 0))) + k * ln(2e0) + lgamma(k + 1) - lgamma(2 * k + 2)
                        )
                    )
                ),
                0e0,
                1e0
            )
end;
