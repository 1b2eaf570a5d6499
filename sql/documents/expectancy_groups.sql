-- The stats objects of expectancy_v6.json, by dimension and key (semantics 1). Grain: one row per (dimension, key).
-- Columns:
--   stats: statistics of the group, in USD
select
    dimension,
    key,
    {
        'count': count, 'hit_rate': hit_rate, 'avg_return': avg_return, 'avg_win': avg_win, 'avg_loss': avg_loss,
        'expectancy': expectancy, 'expectancy_per_risk': expectancy_per_risk, 'max_drawdown': max_drawdown,
        'drawdown_adjusted': drawdown_adjusted, 'net_expectancy': net_expectancy, 'std': std, 'ci95': ci95,
        'unpriced_fees': nullif(unpriced_fees, 0)
    } as stats,
from expectancy_stats
