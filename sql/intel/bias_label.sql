-- A taker bias as a label (semantics 7); the inverse is bias_number.
create macro bias_label(bias) as
case when bias <= 0.35 then 'prefer_maker' when bias >= 0.65 then 'prefer_taker' else 'balanced' end;
