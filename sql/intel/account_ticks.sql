-- Ticks with which the account is judged, and the unrealised PnL of each. Grain: one row per tick.
-- Columns:
--   unrealized_pnl_usd: as the tick reports it, 0 without a position, else the sum of its positions; null: unknown
with asked as (
    select first.ts, first.ingest_seq from account_spans where first is not null
    union
    select latest.ts, latest.ingest_seq from account_spans where first is not null
    union
    select ts, ingest_seq from account_points
),

looked_at as (
    select
        asked.ts,
        asked.ingest_seq,
        every.event_id,
        every.position_count,
        coalesce(every.unrealized_pnl_usd, case when every.position_count = 0 then 0 end) as told_usd,
    from asked
    inner join seen_ticks as every on asked.ts = every.ts and asked.ingest_seq = every.ingest_seq
),

listed as (
    select
        positions.tick_id,
        count(*) as count,
        count(coalesce(unrealized_pnl_usd, qty * (positive(mark_price) - positive(entry_price)))) as known,
        exact_sum(coalesce(unrealized_pnl_usd, qty * (positive(mark_price) - positive(entry_price)))) as pnl_usd,
    from seen_positions as positions
    where
        positions.tick_id in (select looked_at.event_id from looked_at where looked_at.told_usd is null)
        and positions.ts in (select looked_at.ts from looked_at where looked_at.told_usd is null)
    group by positions.tick_id
)

select
    looked_at.ts,
    looked_at.ingest_seq,
    looked_at.event_id,
    coalesce(
        looked_at.told_usd,
        case
            when listed.count = looked_at.position_count and listed.known = looked_at.position_count
                then listed.pnl_usd
        end
    ) as unrealized_pnl_usd,
from looked_at
left join listed on looked_at.event_id = listed.tick_id
