-- Decisions of the candidate pipeline that can be judged, each with what the live pipeline did (execution quality).
-- Grain: one row per decision; what reduces a position is left out. The live side is found by the id alone.
-- Columns:
--   live: allowed, vetoed or null: there is no live side
--   live_usd: what the live pipeline traded; 0: it refused; null: not known
--   kind: prices that are compared: mid or mark
--   ref_price: price of that kind that the attempt tells, else the veto [quote/base]
with refused as (
    select
        attempt_id,
        arg_min(
            { 'mid_price': mid_price(bid_price, ask_price), 'mark_price': positive(mark_price) }, (ts, ingest_seq)
        ) as veto,
    from (
        select
            coalesce(attempt_id, json_extract_string(veto_detail, '$.intent.attempt_id')) as attempt_id,
            * exclude (attempt_id),
        from seen_vetoes
    ) as every
    where attempt_id in (select shadow_decisions_ripe.attempt_id from shadow_decisions_ripe)
    group by attempt_id
),

joined as (
    select
        decisions.*,
        case
            when refused.attempt_id is not null then 'vetoed' when attempts.attempt_id is not null then 'allowed'
        end as live,
        case
            when refused.attempt_id is not null then 0
            when attempts.attempt_id is not null then attempts.qty * positive(attempts.price_hint)
        end as live_usd,
        case when attempts.attempt_id is not null then attempts.mid_price else refused.veto.mid_price end as mid_price,
        case when attempts.attempt_id is not null then attempts.mark_price else refused.veto.mark_price end
            as mark_price,
    from shadow_decisions_ripe as decisions
    left join attempts_37d as attempts on decisions.attempt_id = attempts.attempt_id
    left join refused on decisions.attempt_id = refused.attempt_id
    where not decisions.is_reducing and not coalesce(attempts.reduce_only, false)
)

select
    * exclude (mid_price, mark_price),
    case when mid_price is not null then 'mid' else 'mark' end as kind,
    coalesce(mid_price, mark_price) as ref_price,
from joined
