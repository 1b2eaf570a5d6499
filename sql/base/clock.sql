-- The session's instant. Grain: one row.
-- Columns:
--   as_of: the session's instant
--   as_of_s: the session's instant, epoch [s]
--   as_of_text: the session's instant, RFC 3339 in UTC
select
    as_of() as as_of,
    epoch(as_of()) as as_of_s,
    rfc3339(as_of()) as as_of_text,
