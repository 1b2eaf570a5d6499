-- The session's instant. Grain: one row.
-- Columns:
--   as_of: the instant that is asked about
--   as_of_s: the instant that is asked about, epoch [s]
--   as_of_text: the instant that is asked about, RFC 3339 in UTC
select
    as_of() as as_of,
    epoch(as_of()) as as_of_s,
    rfc3339(as_of()) as as_of_text,
