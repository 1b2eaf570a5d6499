-- 1 for BUY, -1 for SELL, in any case of letters; null for another side.
create macro side_sign(side) as case upper(trim(side)) when 'BUY' then 1 when 'SELL' then -1 end;
