-- Volatility regime from ATR(50) / ATR(500) (semantics 3); unknown when the ratio is.
create macro atr_regime(ratio) as
case
    when ratio is null then 'unknown'
    when ratio < 0.7 then 'quiet'
    when ratio < 1.5 then 'normal'
    when ratio < 2.5 then 'hot'
    else 'panic'
end;
