-- Whole minutes before this instant are read from the roll-ups: the start of the session's minute. Roll-ups hold all
-- that is stored, so a session with a known_seq reads them only where it says `rolled_until`, a minute before which
-- nothing was stored behind that number, and else raw rows alone.
create macro rolled_before() as
    case
        when getvariable('known_seq') is null then date_trunc('minute', as_of())
        else
            least(
                date_trunc('minute', as_of()),
                coalesce(cast(getvariable('rolled_until') as timestamptz), cast('-infinity' as timestamptz))
            )
    end;
