-- The symbols that at least one file lists (head of the semantics). Grain: one row per symbol.
-- Router health and suggestions list symbols with is_router_listed, scores and risk snapshot all symbols, allocations
-- the enabled symbols.
-- Columns:
--   is_enabled: enabled in the universe
--   has_router: has a router metric in 7 days
--   has_trade: has a closed trade in 48 hours
--   is_router_listed: listed in router health and suggestions
with named as (
    select symbol from configured_symbols where is_enabled
    union
    select symbol from router_effectiveness
    union
    select symbol from expectancy_by_symbol
)

select
    named.symbol,
    coalesce(configured_symbols.is_enabled, false) as is_enabled,
    router_effectiveness.symbol is not null as has_router,
    expectancy_by_symbol.symbol is not null as has_trade,
    coalesce(configured_symbols.is_enabled, false) or router_effectiveness.symbol is not null as is_router_listed,
from named
left join configured_symbols on named.symbol = configured_symbols.symbol
left join router_effectiveness on named.symbol = router_effectiveness.symbol
left join expectancy_by_symbol on named.symbol = expectancy_by_symbol.symbol
order by named.symbol
