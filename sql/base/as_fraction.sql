-- A cap as a fraction 0..1: a configured value above 1 is a percentage (semantics 8).
create macro as_fraction(x) as case when x > 1 then x / 100 else x end;
