-- x kept within lo..hi; null stays null.
create macro clamp(x, lo, hi) as case when x is not null then greatest(lo, least(hi, x)) end;
