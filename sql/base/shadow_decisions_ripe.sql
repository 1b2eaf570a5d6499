-- Decisions of the candidate pipeline that can be judged: of each attempt_id the earliest in a block of ten minutes
-- that has been over for 300 s, since the engine has its version, of the last 30 days. Grain: one row per attempt_id.
-- Columns:
--   block: ten minutes of the decision, numbered from 1970
--   block_end: when the block was over
--   sign: 1 for BUY, -1 for SELL; null: not told
--   is_reducing: the intent may only reduce a position
--   shadow_usd: what the candidate would trade; 0: it refused; null: not told
with ripe as (
    select
        decisions.*,
        epoch_us(decisions.ts) // 600000000 as block,
        make_timestamptz((epoch_us(decisions.ts) // 600000000 + 1) * 600000000) as block_end,
    from seen_shadow_decisions as decisions
    cross join engine_since
    where
        not decisions.is_heartbeat
        and decisions.is_allowed is not null
        and decisions.attempt_id is not null
        and decisions.ts > as_of() - interval 30 day
        and (engine_since.since_ts is null or decisions.ts >= engine_since.since_ts)
        and epoch_us(decisions.ts) // 600000000 < (epoch_us(as_of()) - 300000000) // 600000000
    qualify row_number() over (partition by decisions.attempt_id order by decisions.ts, decisions.ingest_seq) = 1
)

select
    event_id,
    ts,
    ingest_seq,
    symbol,
    attempt_id,
    is_allowed,
    block,
    block_end,
    side_sign(
        coalesce(json_extract_string(decision, '$.intent.side'), json_extract_string(decision, '$.intent.signal'))
    ) as sign,
    coalesce(
        json_extract_string(decision, '$.intent.reduce_only') = 'true'
        or json_extract_string(decision, '$.intent.reduceOnly') = 'true',
        false
    ) as is_reducing,
    case
        when not is_allowed then 0
        else
            coalesce(
                positive(json_number(decision, '$.size_decision.gross_usd')),
                positive(json_number(decision, '$.risk_decision.clamped_qty'))
                * positive(json_number(decision, '$.intent.price'))
            )
    end as shadow_usd,
from ripe
