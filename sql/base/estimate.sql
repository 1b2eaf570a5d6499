-- A mean with its interval: factor * sum_x / sum_w over n rows in blocks of ten minutes, squares the sum of
-- block_squares. Rows of one block share the market and are one observation: robust to clusters (Liang and Zeger).
-- state: none without a row, insufficient below 30 rows or 20 blocks, else ok; interval and p only when ok.
-- p_adj is p times the number of cells looked at: see adjusted.
create macro estimate(factor, n, blocks, sum_x, sum_w, squares) as
{
    'value': case when sum_w > 0 then factor * sum_x / sum_w end,
    'lo':
        case
            when sum_w > 0 and n >= 30 and blocks >= 20
                then
                    factor * sum_x / sum_w
                    - student_t(blocks - 1) * sqrt(blocks / (blocks - 1e0) * squares) / blocks
        end,
    'hi':
        case
            when sum_w > 0 and n >= 30 and blocks >= 20
                then
                    factor * sum_x / sum_w
                    + student_t(blocks - 1) * sqrt(blocks / (blocks - 1e0) * squares) / blocks
        end,
    'n': coalesce(n, 0),
    'blocks': coalesce(blocks, 0),
    'p':
        case
            when sum_w > 0 and n >= 30 and blocks >= 20
                then
                    two_sided_p(
                        factor * sum_x / sum_w, sqrt(blocks / (blocks - 1e0) * squares) / blocks, blocks - 1e0
                    )
        end,
    'state':
        case
            when coalesce(n, 0) = 0 then 'none' when n < 30 or blocks < 20 then 'insufficient' else 'ok'
        end
};
