-- The session's instant. Grain: one row.
select
    as_of() as as_of,
    epoch(as_of()) as as_of_s,
    rfc3339(as_of()) as as_of_text,
