-- The last `decision_count` shadow decisions stored after `after_seq` and up to `until_seq`, each with its live side
-- (semantics 10).
-- Grain: one row per decision.
-- The live side is the order attempt with the same attempt_id; without one, the attempt of the symbol nearest in time
-- within 60 s, ties to the earlier; else none. Of several attempts with one attempt_id the earliest counts.
-- Columns:
--   shadow_allowed: the candidate pipeline would trade
--   intent_price: price of the shadow's intent [quote/base]
--   side: BUY or SELL
--   shadow_notional_usd: notional that the shadow would trade
--   effective_price: price of the shadow's route, maker or taker [quote/base]
--   live_event_id: event_id of the live attempt; null: there is none
--   live_attempt_id: attempt_id of the live attempt
--   live_ts: event time of the live attempt
--   live_allowed: no veto carries the id of the live attempt; null: no live side
--   live_notional_usd: quantity times price hint of the attempt
--   expected_slippage_bps: slippage of the shadow's route against its intent's price, positive is cost
--   realized_slippage_bps: slippage of the attempt's latest metric, positive is cost
--   is_veto_mismatch: one side would trade, the other not; without a live side: the shadow would
--   size_pct_diff: shadow notional against live notional, signed; null unless both would trade [%]
--   slippage_diff_bps: expected less realised slippage; null unless both would trade
create macro compare_pairs_of(decision_count, after_seq := -1, until_seq := 9223372036854775807) as table
with decisions as (
    select *
    from seen_shadow_decisions
    where not is_heartbeat and ingest_seq > after_seq and ingest_seq <= until_seq
    order by ts desc, ingest_seq desc
    limit decision_count
),

-- only of these the documents are read
sample as (
    select
        event_id,
        ts,
        ingest_seq,
        symbol,
        attempt_id,
        coalesce(is_allowed, false) as shadow_allowed,
        json_number(decision, '$.intent.price') as intent_price,
        upper(
            coalesce(json_extract_string(decision, '$.intent.side'), json_extract_string(decision, '$.intent.signal'))
        ) as side,
        coalesce(
            json_number(decision, '$.size_decision.gross_usd'),
            json_number(decision, '$.risk_decision.clamped_qty') * json_number(decision, '$.intent.price')
        ) as shadow_notional_usd,
        case
            when
                json_extract_string(decision, '$.router_decision.policy.maker_first') = 'true'
                or json_extract_string(decision, '$.router_decision.policy') = 'maker_first'
                then json_number(decision, '$.router_decision.effective_px.maker')
            else json_number(decision, '$.router_decision.effective_px.taker')
        end as effective_price,
    from decisions
),

near as (
    select
        sample.event_id,
        attempts as live,
    from sample
    inner join seen_order_attempts as attempts
        on
            sample.symbol = attempts.symbol
            and attempts.ts between sample.ts - interval 60 second and sample.ts + interval 60 second
),

-- of each attempt_id in question the row that counts
earliest as (
    select
        attempt_id,
        arg_min(seen_order_attempts, (ts, ingest_seq)) as live,
    from seen_order_attempts
    where
        attempt_id in (select sample.attempt_id from sample)
        or attempt_id in (select near.live.attempt_id from near)
    group by attempt_id
),

candidates as (
    select
        sample.event_id,
        earliest.live,
        0 as distance_us,
    from sample
    inner join earliest on sample.attempt_id = earliest.attempt_id
    union all
    select
        sample.event_id,
        near.live,
        abs(epoch_us(near.live.ts) - epoch_us(sample.ts)) as distance_us,
    from sample
    inner join near on sample.event_id = near.event_id
    left join earliest as own on sample.attempt_id = own.attempt_id
    left join earliest as of_near on near.live.attempt_id = of_near.attempt_id
    where
        own.attempt_id is null and (near.live.attempt_id is null or near.live.event_id = of_near.live.event_id)
),

nearest as (
    select event_id, live
    from candidates
    qualify row_number() over (partition by event_id order by distance_us, live.ts, live.ingest_seq) = 1
),

vetoed as (
    select distinct attempt_id
    from seen_vetoes
    where attempt_id in (select live.attempt_id from nearest)
),

realized as (
    select attempt_id, arg_max_null(slippage_bps, (ts, ingest_seq)) as slippage_bps
    from router_metrics
    where attempt_id in (select live.attempt_id from nearest)
    group by attempt_id
),

sides as (
    select
        sample.*,
        nearest.live.event_id as live_event_id,
        nearest.live.attempt_id as live_attempt_id,
        nearest.live.ts as live_ts,
        case when nearest.event_id is not null then vetoed.attempt_id is null end as live_allowed,
        nearest.live.qty * nearest.live.price_hint as live_notional_usd,
        (sample.effective_price - sample.intent_price) / nullif(sample.intent_price, 0) * 1e4
        * case when sample.side = 'SELL' then -1 else 1 end as expected_slippage_bps,
        realized.slippage_bps as realized_slippage_bps,
    from sample
    left join nearest on sample.event_id = nearest.event_id
    left join vetoed on nearest.live.attempt_id = vetoed.attempt_id
    left join realized on nearest.live.attempt_id = realized.attempt_id
)

select
    *,
    case when live_allowed is null then shadow_allowed else shadow_allowed <> live_allowed end as is_veto_mismatch,
    case
        when shadow_allowed and live_allowed
            then 100 * (shadow_notional_usd - live_notional_usd) / nullif(live_notional_usd, 0)
    end as size_pct_diff,
    case when shadow_allowed and live_allowed then expected_slippage_bps - realized_slippage_bps end
        as slippage_diff_bps,
from sides;
