-- A taker bias as a number (semantics 7); the inverse is bias_label.
create macro bias_number(label) as
cast(case label when 'prefer_maker' then 0.25 when 'balanced' then 0.5 when 'prefer_taker' then 0.75 end as double);
