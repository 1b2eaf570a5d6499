-- The universe with its caps, per-symbol limits before the universe's own (semantics 8). Grain: one row per symbol.
-- Of several entries of one symbol the last counts. Caps are fractions of NAV, kept within 0..1; null where none is
-- configured. Reads config_snapshots and limits.
-- Columns:
--   symbol: instrument
--   is_enabled: may be traded; true unless switched off in the universe
--   tier: tier of the universe, e.g. CORE
--   nav_cap_frac: share of NAV that the symbol may take; null: no cap of its own
--   trade_cap_frac: share of NAV that one trade of it may take; null: no cap of its own
--   max_concurrent_positions: positions in it at a time; null: no cap configured [1]
with newest as (
    select arg_max(payload, (ts, ingest_seq)) as payload
    from seen_config_snapshots
    where kind = 'universe'
),

documents as (
    select
        unnest(listed) as document,
        generate_subscripts(listed, 1) as place,
    from (
        select
            case
                when json_type(payload, '$.universe') = 'ARRAY' then json_extract(payload, '$.universe[*]')
                when json_type(payload) = 'ARRAY' then json_extract(payload, '$[*]')
                else json_extract(payload, '$.symbols[*]')
            end as listed
        from newest
    ) as payloads
),

entries as (
    select
        document,
        normal_symbol(
            case
                when json_type(document) = 'VARCHAR' then json_extract_string(document, '$')
                else json_extract_string(document, '$.symbol')
            end
        ) as symbol,
    from documents
    where symbol is not null
    qualify row_number() over (partition by symbol order by place desc) = 1
),

own_limits as (
    select
        normal_symbol(named.entry.key) as symbol,
        named.entry.value as document,
    from (
        select unnest(map_entries(try_cast(json_extract(payload, '$.per_symbol') as map (varchar, json)))) as entry
        from limits
    ) as named
    qualify row_number() over (partition by normal_symbol(named.entry.key) order by named.entry.key) = 1
)

select
    entries.symbol,
    coalesce(lower(json_extract_string(entries.document, '$.enabled')) not in ('false', '0', 'no', 'off'), true)
        as is_enabled,
    json_extract_string(entries.document, '$.tier') as tier,
    as_fraction(
        coalesce(
            json_number(own_limits.document, '$.max_nav_pct'), json_number(entries.document, '$.caps.max_nav_pct')
        )
    ) as nav_cap_frac,
    as_fraction(
        coalesce(
            json_number(own_limits.document, '$.max_trade_nav_pct'),
            json_number(entries.document, '$.caps.max_trade_nav_pct')
        )
    ) as trade_cap_frac,
    cast(
        clamp(
            coalesce(
                json_number(own_limits.document, '$.max_concurrent_positions'),
                json_number(entries.document, '$.caps.max_concurrent_positions')
            ),
            0,
            1e15
        ) as bigint
    ) as max_concurrent_positions,
from entries
left join own_limits on entries.symbol = own_limits.symbol
