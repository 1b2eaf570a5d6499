-- Up to which instant whole minutes are read from a roll-up, whose last minute is given: its end, or the session's own
-- minute when that is earlier. A session with a known_seq reads raw rows alone: roll-ups hold all that is stored.
create macro rolled_to(last_minute) as
    case
        when getvariable('known_seq') is null
            then least(
                date_trunc('minute', as_of()),
                coalesce(last_minute + interval 1 minute, cast('-infinity' as timestamptz))
            )
        else cast('-infinity' as timestamptz)
    end;
