-- Assets that count as US dollars, in the order in which a price in one of them is looked for.
-- Grain: one row per asset.
-- Columns:
--   asset: name of the asset
--   place: place in that order, from 1
select
    listed.asset,
    listed.place,
from (values ('USDT', 1), ('USDC', 2), ('USD', 3), ('FDUSD', 4), ('BUSD', 5)) as listed (asset, place)
