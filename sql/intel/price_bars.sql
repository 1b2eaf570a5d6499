-- The last 500 price bars of each symbol in 7 days (semantics 3).
-- Grain: one row per symbol and bar; age 1 is the newest.
-- One-minute closes of the mark price; for a symbol without any, the average price of its orders' fills.
-- Columns:
--   price: close of the minute, or the average price of an order's fills [quote/base]
--   age: 1 is the newest [bars]
--   move: |price - the price before| [quote/base]
with mark_bars as (
    from rolled_mark_bars
    union all
    from open_mark_bars
),

bars as (
    select
        symbol,
        minute as ts,
        0 as arrival,
        close_price as price,
    from mark_bars
    union all
    select
        symbol,
        ts,
        ingest_seq as arrival,
        avg_price as price,
    from latest_fills_7d
    where avg_price > 0 and symbol not in (select mark_bars.symbol from mark_bars)
)

select
    symbol,
    ts,
    price,
    row_number() over newest_first as age,
    abs(price - lead(price) over newest_first) as move,
from bars
window newest_first as (partition by symbol order by ts desc, arrival desc)
qualify age <= 500
