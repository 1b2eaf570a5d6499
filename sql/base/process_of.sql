-- The process that recorded an event, as `host:pid`; a part that is not known is left empty.
create macro process_of(hostname, pid) as coalesce(hostname, '') || ':' || coalesce(cast(pid as varchar), '');
