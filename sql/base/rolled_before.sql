-- The instant before which whole minutes are read from the roll-ups: the start of the session's minute. Roll-ups
-- include all stored rows. A session with a known_seq therefore reads them only up to `rolled_until`, a minute before
-- which no row with a later number lies; if that is not set, it reads single rows only.
create macro rolled_before() as
    case
        when getvariable('known_seq') is null then date_trunc('minute', as_of())
        else
            least(
                date_trunc('minute', as_of()),
                coalesce(cast(getvariable('rolled_until') as timestamptz), cast('-infinity' as timestamptz))
            )
    end;
