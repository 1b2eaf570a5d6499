-- Vetoes after an instant, twins merged (semantics 14). Grain: one row per veto.
-- Old executors logged one veto twice: raw (with position_side or veto_detail.intent) and canonical. A raw and a
-- canonical row of the same symbol and the same canonical reason within 1 s, nearest first, are one veto; two rows of
-- the same shape never are. Nearest first: in each round, pairs that are each other's nearest are merged, ties to the
-- earlier; the next round looks at the remaining rows. A merged veto keeps the canonical row's fields, joined with the
-- raw row's, and the earlier of the two times.
-- Columns:
--   ts: event time; of twins the earlier
--   reason: canonical reason
--   twin_event_id: event_id of the raw row that was merged in; null: none
create macro vetoes_since(since) as table
with recursive seen as (
    select
        *,
        canonical_veto_reason(veto_reason) as reason,
        nullif(trim(position_side), '') is not null
        or coalesce(json_type(veto_detail, '$.intent') <> 'NULL', false) as is_raw,
    from seen_vetoes
    where ts > since
),

pairs as (
    select
        raws.event_id as raw_id,
        canonicals.event_id as canonical_id,
        (
            abs(epoch_us(raws.ts) - epoch_us(canonicals.ts)),
            least(raws.ts, canonicals.ts),
            least(raws.ingest_seq, canonicals.ingest_seq),
            greatest(raws.ingest_seq, canonicals.ingest_seq)
        ) as distance,
    from seen as raws
    inner join seen as canonicals
        on
            raws.is_raw
            and not canonicals.is_raw
            and raws.symbol = canonicals.symbol
            and raws.reason = canonicals.reason
            and canonicals.ts between raws.ts - interval 1 second and raws.ts + interval 1 second
),

matching as (
    select raw_id, canonical_id, distance, false as is_match
    from pairs
    union all
    select raw_id, canonical_id, distance, is_match
    from (
        select
            *,
            bool_or(is_match) over (partition by raw_id) or bool_or(is_match) over (partition by canonical_id)
                as is_settled,
        from (
            select
                raw_id,
                canonical_id,
                distance,
                distance = min(distance) over (partition by raw_id)
                and distance = min(distance) over (partition by canonical_id) as is_match,
            from matching
            where not is_match
        ) as judged
    ) as settled
    where is_match or not is_settled
),

twins as (
    select raw_id, canonical_id from matching where is_match
)

select
    coalesce(least(kept.ts, twin.ts), kept.ts) as ts,
    kept.symbol,
    kept.reason,
    coalesce(kept.side, twin.side) as side,
    coalesce(kept.position_side, twin.position_side) as position_side,
    coalesce(kept.strategy, twin.strategy) as strategy,
    coalesce(kept.original_reason, twin.original_reason, kept.veto_reason) as original_reason,
    coalesce(kept.qty_req, twin.qty_req) as qty_req,
    coalesce(kept.signal_ts, twin.signal_ts) as signal_ts,
    coalesce(kept.attempt_id, twin.attempt_id) as attempt_id,
    coalesce(kept.intent_id, twin.intent_id) as intent_id,
    coalesce(kept.thresholds, twin.thresholds) as thresholds,
    coalesce(kept.veto_detail, twin.veto_detail) as veto_detail,
    coalesce(kept.context, twin.context) as context,
    coalesce(kept.bid_price, twin.bid_price) as bid_price,
    coalesce(kept.ask_price, twin.ask_price) as ask_price,
    coalesce(kept.mark_price, twin.mark_price) as mark_price,
    kept.event_id,
    twin.event_id as twin_event_id,
    kept.ingest_seq,
from seen as kept
left join twins as of_canonical on kept.event_id = of_canonical.canonical_id
left join seen as twin on of_canonical.raw_id = twin.event_id
where kept.event_id not in (select raw_id from twins);
