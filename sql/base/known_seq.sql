-- The last ingest_seq that the session sees; all rows unless `set variable known_seq = ..`.
create macro known_seq() as coalesce(cast(getvariable('known_seq') as bigint), 9223372036854775807);
