-- The middle of a quote; null unless both sides are known and the quote is not crossed.
create macro mid_price(bid_price, ask_price) as
case when bid_price > 0 and ask_price > 0 and bid_price <= ask_price then (bid_price + ask_price) / 2 end;
