-- An estimate with p_adj: p times the number of cells that were looked at, at most 1 (Bonferroni): whoever looks at 24
-- hours and picks one reads p_adj.
create macro adjusted(found, cells) as
{
    'value': found.value,
    'lo': found.lo,
    'hi': found.hi,
    'n': found.n,
    'blocks': found.blocks,
    'p': found.p,
    'p_adj': clamp(found.p * cells, 0e0, 1e0),
    'state': found.state
};
