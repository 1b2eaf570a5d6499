-- Milliseconds from one instant to another; null where the second is not known, or lies before: clocks differ.
create macro elapsed_ms(from_ts, to_ts) as
case when epoch_us(to_ts) >= epoch_us(from_ts) then (epoch_us(to_ts) - epoch_us(from_ts)) / 1000 end;
