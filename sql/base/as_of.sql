-- The session's instant: `set variable as_of = timestamptz '..'`, else now. Later events are not seen.
create macro as_of() as coalesce(cast(getvariable('as_of') as timestamptz), now());
