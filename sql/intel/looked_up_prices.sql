-- Prices that were asked for: of the latest row of marks that tells a price of the kind, not older than asked.
-- Grain: one row per question that has an answer.
-- What was looked up before is taken from price_lookups, the rest from the marks. The kind is chosen before the row,
-- and the age is judged after it: a later row without the kind hides nothing, and an old price is none.
-- Columns:
--   price: price of the kind at the instant [quote/base]
with questions as (
    from price_questions
),

remembered as (
    select
        questions.symbol,
        questions.kind,
        questions.at_ts,
        questions.within_s,
        lookups.found.price,
    from questions
    inner join known_price_lookups as lookups
        on
            questions.symbol = lookups.symbol
            and questions.kind = lookups.kind
            and questions.at_ts = lookups.at_ts
            and questions.within_s = lookups.within_s
),

unanswered as (
    select questions.*
    from questions
    anti join remembered
        on
            questions.symbol = remembered.symbol
            and questions.kind = remembered.kind
            and questions.at_ts = remembered.at_ts
            and questions.within_s = remembered.within_s
),

span as (
    select
        min(at_ts) - interval 60 second as first_ts,
        max(at_ts) as last_ts,
    from unanswered
),

observed as (
    select
        symbol,
        ts,
        ingest_seq,
        mid_price(bid_price, ask_price) as mid_price,
        positive(mark_price) as mark_price,
    from seen_marks
    where ts > (select span.first_ts from span) and ts <= (select span.last_ts from span)
),

told as (
    select symbol, 'mid' as kind, ts, ingest_seq, mid_price as price from observed where mid_price is not null
    union all
    select symbol, 'mark' as kind, ts, ingest_seq, mark_price as price from observed where mark_price is not null
),

latest as (
    select
        unanswered.symbol,
        unanswered.kind,
        unanswered.at_ts,
        unanswered.within_s,
        told.ts as price_ts,
    from unanswered
    asof inner join told
        on unanswered.symbol = told.symbol and unanswered.kind = told.kind and unanswered.at_ts >= told.ts
)

select
    symbol,
    kind,
    at_ts,
    within_s,
    price,
from remembered
where price is not null
union all
select
    latest.symbol,
    latest.kind,
    latest.at_ts,
    latest.within_s,
    arg_max(told.price, told.ingest_seq) as price,
from latest
inner join told on latest.symbol = told.symbol and latest.kind = told.kind and latest.price_ts = told.ts
where latest.price_ts > latest.at_ts - to_microseconds(cast(latest.within_s * 1000000 as bigint))
group by latest.symbol, latest.kind, latest.at_ts, latest.within_s
