-- A cap as a fraction: a configured value above 1 is a percentage (semantics 8). Kept within 0..1.
create macro as_fraction(x) as clamp(case when x > 1 then x / 100 else x end, 0, 1);
