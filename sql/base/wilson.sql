-- A share k of n with its 95 % interval (Wilson 1927), within 0..1; null but for k and n where n is 0.
create macro wilson(k, n) as
{
    'k': k,
    'n': n,
    'rate': k / nullif(n, 0),
    'lo':
        clamp(
            (k + 3.8414588206941254 / 2) / (nullif(n, 0) + 3.8414588206941254)
            - sqrt(3.8414588206941254 * (k * (n - k) / nullif(n, 0) + 3.8414588206941254 / 4))
            / (nullif(n, 0) + 3.8414588206941254),
            0e0,
            1e0
        ),
    'hi':
        clamp(
            (k + 3.8414588206941254 / 2) / (nullif(n, 0) + 3.8414588206941254)
            + sqrt(3.8414588206941254 * (k * (n - k) / nullif(n, 0) + 3.8414588206941254 / 4))
            / (nullif(n, 0) + 3.8414588206941254),
            0e0,
            1e0
        )
};
