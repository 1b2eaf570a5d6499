-- Whole minutes before this instant are read from the roll-ups: the start of the session's minute. A session with a
-- known_seq reads raw rows alone: roll-ups hold all that is stored.
create macro rolled_before() as
    case
        when getvariable('known_seq') is null then date_trunc('minute', as_of())
        else cast('-infinity' as timestamptz)
    end;
