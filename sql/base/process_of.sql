-- The process that recorded an event, as `host:pid`; an unknown part is left empty.
create macro process_of(hostname, pid) as coalesce(hostname, '') || ':' || coalesce(cast(pid as varchar), '');
