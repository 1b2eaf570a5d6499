-- Size factor from z, the sum of sharpe, atr, router and drawdown parts (semantics 9): 0.5 at z <= -1, 1.5 at z >= 1.5,
-- else 1 + 0.3 z. Within 0.25..2.
create macro intel_size_factor(z) as
clamp(case when z <= -1 then 0.5 when z >= 1.5 then 1.5 else 1 + 0.3 * z end, 0.25, 2);
