-- The limits as of the session's instant. Grain: one row, even if no limits are recorded. Reads config_snapshots.
-- Loss and drawdown limits are per cent; caps are fractions. Sources: semantics 7, 8, 9.
-- Columns:
--   payload: the newest risk_limits document, whole; null: no document is recorded
--   reset_timezone: time zone whose midnight begins the day; UTC if the configured zone is unknown
--   nav_freshness_s: age of the newest tick from which the NAV is stale
--   global_nav_cap_frac: share of NAV that one symbol may take
--   global_trade_cap_frac: share of NAV that one trade may take
--   min_bias: lowest taker bias that may be suggested [0..1]
--   max_bias: highest taker bias that may be suggested [0..1]
--   max_bias_step: how far a suggestion may move the bias [0..1]
--   min_offset_bps: smallest maker offset that may be suggested
--   max_offset_bps: largest maker offset that may be suggested
--   max_offset_step_bps: how far a suggestion may move the offset
with newest as (
    select arg_max(payload, (ts, ingest_seq)) as payload
    from seen_config_snapshots
    where kind = 'limits'
),

found as (
    select
        payload,
        coalesce(json_extract(payload, '$.router_autotune'), json_extract(payload, '$.global.router_autotune'))
            as autotune,
        json_extract_string(payload, '$.reset_timezone') as asked_timezone,
    from newest
)

select
    payload,
    coalesce(
        (select min(zones.name) from pg_timezone_names() as zones where lower(zones.name) = lower(asked_timezone)),
        'UTC'
    ) as reset_timezone,
    coalesce(json_number(payload, '$.nav_freshness_seconds'), 150) as nav_freshness_s,
    as_fraction(json_number(payload, '$.global.symbol_notional_share_cap_pct')) as global_nav_cap_frac,
    as_fraction(json_number(payload, '$.global.max_trade_nav_pct')) as global_trade_cap_frac,
    clamp(coalesce(json_number(autotune, '$.min_bias'), 0), 0, 1) as min_bias,
    clamp(coalesce(json_number(autotune, '$.max_bias'), 1), 0, 1) as max_bias,
    clamp(coalesce(json_number(autotune, '$.max_bias_step'), 0.05), 0.01, 0.25) as max_bias_step,
    greatest(coalesce(json_number(autotune, '$.min_offset_bps'), 0.5), 0) as min_offset_bps,
    greatest(coalesce(json_number(autotune, '$.max_offset_bps'), 8), 0) as max_offset_bps,
    clamp(coalesce(json_number(autotune, '$.max_offset_step_bps'), 1), 0.25, 3) as max_offset_step_bps,
from found
