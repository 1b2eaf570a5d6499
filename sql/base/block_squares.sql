-- What one block adds to the spread of a ratio of sums, in units of the ratio: squared and times the blocks' number
-- squared, so that sums of it keep their digits whatever the amounts are. See estimate.
create macro block_squares(factor, block_x, block_w, blocks, sum_x, sum_w) as
pow(factor * (block_x - sum_x / nullif(sum_w, 0) * block_w) / nullif(sum_w, 0) * blocks, 2);
