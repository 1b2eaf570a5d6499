-- The instant from which single rows are read after a roll-up whose last minute is given: the end of that minute, or
-- the start of the session's minute if that is earlier.
create macro rolled_to(last_minute) as
    least(rolled_before(), coalesce(last_minute + interval 1 minute, cast('-infinity' as timestamptz)));
