-- From this instant on raw rows are read beside a roll-up whose last minute is given: its end, or the start of the
-- session's minute when that is earlier.
create macro rolled_to(last_minute) as
    least(rolled_before(), coalesce(last_minute + interval 1 minute, cast('-infinity' as timestamptz)));
