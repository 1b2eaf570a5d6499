-- The universe with its caps, per-symbol limits before the universe's own (semantics 8). Grain: one row per symbol.
-- Caps are fractions of NAV, null where none is configured. Reads config_snapshots and limits.
-- Columns:
--   symbol: instrument
--   is_enabled: may be traded; true unless switched off in the universe
--   tier: tier of the universe, e.g. CORE
--   nav_cap_frac: share of NAV that the symbol may take; null: none of its own
--   trade_cap_frac: share of NAV that one trade of it may take; null: none of its own
--   max_concurrent_positions: positions in it at a time; null: none configured [1]
with newest as (
    select arg_max(payload, (ts, ingest_seq)) as payload
    from seen_config_snapshots
    where kind = 'universe'
),

documents as (
    select unnest(
        case
            when json_type(payload, '$.universe') = 'ARRAY' then json_extract(payload, '$.universe[*]')
            when json_type(payload) = 'ARRAY' then json_extract(payload, '$[*]')
            else json_extract(payload, '$.symbols[*]')
        end
    ) as document
    from newest
),

entries as (
    select
        document,
        upper(
            case
                when json_type(document) = 'VARCHAR' then json_extract_string(document, '$')
                else json_extract_string(document, '$.symbol')
            end
        ) as symbol,
    from documents
),

own_limits as (
    select
        upper(keys.key) as symbol,
        json_extract(payload, '$.per_symbol."' || keys.key || '"') as document,
    from limits, unnest(json_keys(payload, '$.per_symbol')) as keys (key)
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
        coalesce(
            json_number(own_limits.document, '$.max_concurrent_positions'),
            json_number(entries.document, '$.caps.max_concurrent_positions')
        ) as bigint
    ) as max_concurrent_positions,
from entries
left join own_limits on entries.symbol = own_limits.symbol
where entries.symbol is not null
qualify row_number() over (partition by entries.symbol) = 1
