-- x where it is known as a price, a quantity or a notional: above 0; else null.
create macro positive(x) as case when x > 0 then x end;
